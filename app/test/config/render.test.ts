// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { renderEffective } from '../../src/config/render.ts';
import { Workplace } from './support.ts';

const workplace = new Workplace();

const text = `[clients.a]
uid = 5
[profiles.p.secrets.access]
a = ["x", "y/*"]
`;

describe('the configuration in force as a file', () => {
  it('means the same as a file', () => {
    const configuration = workplace.load({ 'etc/config.toml': text });
    assert.deepEqual(workplace.load({ 'etc/config.toml': renderEffective(configuration) }), configuration);
  });

  it('means the same whatever the secrets are called', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), { maxLength: 5 }), (names) => {
        const literal = JSON.stringify(names).replaceAll('\u007f', '\\u007f');
        const configuration = workplace.load({ 'etc/config.toml': `profiles.p.secrets.access.daemon-x = ${literal}` });
        assert.deepEqual(workplace.load({ 'etc/config.toml': renderEffective(configuration) }), configuration);
      }),
      { numRuns: 50 },
    );
  });

  it('says where each setting is written, and nothing of defaults', () => {
    const { configuration, originOf } = workplace.read({ 'etc/config.toml': text });
    assert.ok(configuration);
    const lines = renderEffective(configuration, originOf).split('\n');
    assert.match(lines.find((line) => line.startsWith('uid')) ?? '', /^uid = 5 # \/.*config\.toml:2$/);
    assert.match(lines.find((line) => line.startsWith('a =')) ?? '', /^a = \[ "x", "y\/\*" \] # \/.*config\.toml:4$/);
    assert.equal(
      lines.find((line) => line.startsWith('kdf')),
      'kdf = "argon2id"',
    );
    assert.deepEqual(workplace.load({ 'etc/config.toml': lines.join('\n') }), configuration);
  });
});
