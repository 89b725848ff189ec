// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configuredPolicy } from '../../src/config/auth-policy.ts';
import { Workplace } from './support.ts';

const configuration = new Workplace().load({
  'etc/config.toml': `
    [profiles.silent]
    [profiles.every.auth]
    mode = "all"
    [profiles.key.auth]
    mode = "policy"
    required = ["ssh-agent"]
    additional_required = 1
    [profiles.heir]
    extends = "key"
    [profiles.locked.auth]
    mode = "any"
  `,
  'etc/policy.toml': '[[policy]]\nkey = "profiles.locked.auth.mode"\nvalue = "all"\n',
});

const keyAndOne = { policy: { required: ['ssh-agent'], additional_required: 1 } };

describe('the policy that the configuration has for a profile', () => {
  for (const [profile, policy, because] of [
    ['silent', 'any', 'it says nothing'],
    ['unknown', 'any', 'it does not have the profile'],
    ['constructor', 'any', 'that is no profile either'],
    ['every', 'all', 'it says so'],
    ['key', keyAndOne, 'it says so'],
    ['heir', keyAndOne, 'the profile inherits it'],
    ['locked', 'all', 'policy.toml says so'],
  ] as const)
    it(`of ${profile} is ${JSON.stringify(policy)}: ${because}`, () => {
      assert.deepEqual(configuredPolicy(configuration, profile), policy);
    });
});
