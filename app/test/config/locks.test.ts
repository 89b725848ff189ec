// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isLocked } from '../../src/config/locks.ts';
import { brief, type Files, Workplace } from './support.ts';

const workplace = new Workplace();

function lock(key: string, value: string, source?: string): string {
  return `[[policy]]\nkey = ${JSON.stringify(key)}\nvalue = ${value}\n${source === undefined ? '' : `source = "${source}"\n`}`;
}

function said(files: Files): string[] {
  return workplace.read(files).diagnostics.map(brief);
}

describe('a lock', () => {
  it('holds against every layer, and each that says otherwise is warned where it does', () => {
    const files = {
      'etc/policy.toml': lock('crypto.kdf', '"argon2id"', 'security team'),
      'etc/config.toml': '\n[crypto]\nkdf = "pbkdf2-sha256"',
      'etc/config.d/a.toml': '\n\ncrypto.kdf = "pbkdf2-sha256"',
    };
    const { configuration, diagnostics } = workplace.read(files);
    assert.equal(configuration?.crypto.kdf, 'argon2id');
    assert.deepEqual(
      diagnostics.map(({ severity, line }) => `${severity} ${line}`),
      ['warning 3', 'warning 3'],
    );
    assert.match(
      diagnostics[0]?.problem ?? '',
      /^crypto\.kdf is locked by .*policy\.toml \(security team\): what stands here is ignored$/,
    );
  });

  it('holds a setting that it names or that stands in a table that it names, and no other', () => {
    const { locks } = workplace.read({ 'etc/policy.toml': `${lock('global.logging', '{}')}${lock('crypto.kdf', '"argon2id"')}` });
    for (const [key, expected] of [
      ['crypto.kdf', true],
      ['global.logging.level', true],
      ['crypto.hkdf', false],
      ['crypto', false],
    ] as const)
      assert.equal(isLocked(locks, key.split('.')), expected, key);
  });

  it("of the system holds against a user's own file", () => {
    const files = {
      'system/policy.toml': lock('global.logging.level', '"info"'),
      'etc/config.toml': '[global.logging]\nlevel = "trace"',
    };
    assert.equal(workplace.load(files).global.logging.level, 'info');
  });

  it('is not lifted by a policy.toml of the user', () => {
    const files = {
      'system/policy.toml': lock('global.logging.level', '"info"'),
      'etc/policy.toml': lock('global.logging.level', '"trace"'),
    };
    assert.equal(workplace.load(files).global.logging.level, 'info');
  });

  it('says nothing to a file that agrees', () => {
    assert.deepEqual(
      said({ 'etc/policy.toml': lock('crypto.kdf', '"argon2id"'), 'etc/config.toml': '[crypto]\nkdf = "argon2id"' }),
      [],
    );
  });

  it('on a table lets nothing be added to it', () => {
    const files = {
      'etc/policy.toml': lock('profiles.p.secrets.access', '{ administrators = ["*"] }'),
      'etc/config.toml': '[clients.a]\nuid = 5\nclearance = "open"\n[profiles.p.secrets.access]\na = ["*"]',
    };
    assert.deepEqual({ ...workplace.load(files).profiles['p']?.secrets.access }, { administrators: ['*'] });
  });

  it('on a table lets nothing be inherited into it', () => {
    const files = {
      'etc/policy.toml': lock('profiles.p.secrets.access', '{ administrators = ["*"] }'),
      'etc/config.toml': '[profiles.base.secrets.access]\ndaemon-x = ["*"]\n[profiles.p]\nextends = "base"',
    };
    assert.deepEqual({ ...workplace.load(files).profiles['p']?.secrets.access }, { administrators: ['*'] });
  });

  it('on a profile reaches those that extend it', () => {
    const files = {
      'etc/policy.toml': lock('profiles.base.auth.mode', '"all"'),
      'etc/config.toml': '[profiles.base.auth]\nmode = "any"\n[profiles.p]\nextends = "base"',
    };
    assert.equal(workplace.load(files).profiles['p']?.auth.mode, 'all');
  });

  const refused: readonly (readonly [what: string, policy: string, said: RegExp])[] = [
    ['is on a misspelt key', lock('crypto.kfd', '"argon2id"'), /^2:1 error \[crypto\] has no setting kfd; did you mean kdf\?$/],
    [
      'has a value that the key does not take',
      lock('crypto.kdf', '"md5"'),
      /^2:1 error crypto\.kdf has the unknown value "md5"; write one of/,
    ],
    [
      'is on no dotted key',
      lock('crypto kdf', '1'),
      /^2:1 error this is not a dotted key; write one as in key = "global\.logging\.level"$/,
    ],
    ['reaches for the prototype', lock('__proto__.x', '1'), /^2:1 error the top level has no setting __proto__/],
    ['has no value', '[[policy]]\nkey = "crypto.kdf"', /^1:3 error policy\[0\] has no value; add value = …$/],
    [
      'is given twice',
      lock('crypto.kdf', '"argon2id"') + lock('crypto.kdf', '"pbkdf2-sha256"'),
      /^5:1 error crypto\.kdf is locked twice; remove one of the two$/,
    ],
  ];
  for (const [what, policy, expected] of refused) {
    it(`is refused when it ${what}`, () => {
      const { configuration, diagnostics } = workplace.read({ 'etc/policy.toml': policy });
      assert.equal(configuration, undefined);
      assert.match(diagnostics.map(brief).join('\n'), expected);
    });
  }

  it('on a desktop setting is accepted and has no effect', () => {
    for (const key of [
      'clipboard.max_history',
      'audit.enabled',
      'profiles.p.wm.border_width',
      'extensions.policy.require_signature',
    ]) {
      assert.match(
        said({ 'etc/policy.toml': lock(key, '0') }).join(),
        /^2:1 warning .* is a setting of the desktop: the lock has no effect here/,
      );
    }
  });
});
