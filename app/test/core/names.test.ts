// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isInvisibleUpstream, isProfileName, requireProfileName, requireSecretName } from '../../src/core/names.ts';

describe('a profile name', () => {
  for (const name of ['a', 'device', 'A-1_b', '0', 'x'.repeat(64)]) {
    it(`may be ${name}`, () => assert.equal(requireProfileName(name), name));
  }

  for (const name of ['', '.', '..', '-a', '_a', 'a/b', '../a', 'a b', 'a\n', 'ä', 'x'.repeat(65), 'a\0', 'a.db']) {
    it(`may not be ${JSON.stringify(name)}`, () => {
      assert.equal(isProfileName(name), false);
      assert.throws(() => requireProfileName(name), { code: 'profile-name-invalid' });
    });
  }
});

describe('a secret name', () => {
  for (const name of ['a', 'mqtt/password', '../x', 'ключ', 'a b', 'x'.repeat(256), 'é'.repeat(128)]) {
    it(`may be ${name}`, () => assert.equal(requireSecretName(name), name));
  }

  for (const name of ['', 'a\0b', 'a\nb', '\u007f', '\u0085', 'x'.repeat(257), 'é'.repeat(129), '\ud800']) {
    it(`may not be ${JSON.stringify(name)}`, () => assert.throws(() => requireSecretName(name), { code: 'secret-name-invalid' }));
  }

  it('with a slash, a backslash or two dots is invisible upstream', () => {
    assert.deepEqual(['a/b', 'a\\b', 'a..b', 'a.b'].map(isInvisibleUpstream), [true, true, true, false]);
  });
});
