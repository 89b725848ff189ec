// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identifyClient } from '../../src/config/clients.ts';
import { brief, Workplace } from './support.ts';

const workplace = new Workplace();
const rules = '[profiles.p.secrets.access]\nadministrators = ["*"]\n"*" = []\n';
const remedy =
  'has no effect here: this file holds access rules of profiles and nothing else; write it to config.toml, or remove it';

describe('the rules in the state directory', () => {
  it('hold as init writes them, without a word', () => {
    const { configuration, diagnostics } = workplace.read({ 'state/rules.toml': rules });
    assert.deepEqual({ ...configuration?.profiles['p']?.secrets.access }, { administrators: ['*'], '*': [] });
    assert.deepEqual(diagnostics, []);
  });

  it('make nobody a client', () => {
    const configuration = workplace.load({
      'state/rules.toml': `[clients.administrators]\nuid = 1042\nclearance = "secrets-only"\n${rules}`,
    });
    assert.equal(identifyClient(configuration, { uid: 1042, gid: 1042, groups: [] }, 7), undefined);
    assert.ok(configuration.profiles['p'] !== undefined);
  });

  const strays: readonly (readonly [text: string, said: string])[] = [
    ['[clients.c]\nuid = 5', `1:2 warning clients ${remedy}`],
    ['[global.ipc]\nsocket_path = "/tmp/x"', `1:2 warning global ${remedy}`],
    ['crypto.kdf = "pbkdf2-sha256"', `1:1 warning crypto ${remedy}`],
    ['[profiles.p]\nextends = "q"', `2:1 warning profiles.p.extends ${remedy}`],
    ['[profiles.p.auth]\nmode = "all"', `1:13 warning profiles.p.auth ${remedy}`],
    ['[profiles.p.secrets]\nprovider = "x"', `2:1 warning profiles.p.secrets.provider ${remedy}`],
    ['[profiles]\np = 1', `2:1 warning profiles.p ${remedy}`],
    ['nonsense = 1', `1:1 warning nonsense ${remedy}`],
  ];
  for (const [text, said] of strays) {
    it(`are nothing but rules: ${JSON.stringify(text)} is ignored and named`, () => {
      const { configuration, diagnostics } = workplace.read({ 'state/rules.toml': text });
      assert.deepEqual(diagnostics.map(brief), [said]);
      const { configuration: without } = workplace.read({});
      assert.deepEqual(
        [configuration?.global, configuration?.crypto, configuration?.clients],
        [without?.global, without?.crypto, without?.clients],
      );
      assert.equal(configuration?.profiles['q'], undefined);
    });
  }

  it('that are no rules are an error, as everywhere', () => {
    const { configuration, diagnostics } = workplace.read({ 'state/rules.toml': '[profiles.p.secrets.access]\na = 1' });
    assert.equal(configuration, undefined);
    assert.match(diagnostics.map(brief).join(), /2:1 error profiles\.p\.secrets\.access\.a must be a list/);
  });
});
