// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SesameError } from '../../src/core/errors.ts';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import {
  newVaultMeta,
  parseVaultMeta,
  passwordIsMasterKey,
  recoveryEnrolledAt,
  serialiseVaultMeta,
  suiteOf,
  type VaultMeta,
  withFactors,
  withoutFactor,
  withRecovery,
} from '../../src/factors/vault-meta.ts';
import { failsWith } from './fixture.ts';

const path = '/state/vaults/home.vault-meta';
const entry = { factor_id: 'password', label: 'master password', enrolled_at: 1_700_000_000 } as const;

/** As upstream writes it for a password. */
const upstream = {
  version: 1,
  init_mode: 'password',
  enrolled_factors: [entry],
  auth_policy: 'any',
  created_at: 1_700_000_000,
  policy_changed_at: 1_700_000_000,
};

function parse(document: unknown): VaultMeta {
  return parseVaultMeta(path, Buffer.from(JSON.stringify(document)));
}

function rewrite(meta: VaultMeta): unknown {
  return JSON.parse(serialiseVaultMeta(meta).toString('utf8'));
}

describe('reading vault metadata', () => {
  const accepted: [string, object][] = [
    ['of a password vault', {}],
    ['of an SSH vault', { init_mode: 'ssh-key-only', enrolled_factors: [{ ...entry, factor_id: 'ssh-agent' }] }],
    [
      'of a vault with several factors',
      { init_mode: { 'multi-factor': { factors: ['password', 'ssh-agent'] } }, auth_policy: 'all' },
    ],
    ['with a policy', { auth_policy: { policy: { required: ['fido2'], additional_required: 2 } } }],
    ['from 1970', { created_at: 0, policy_changed_at: 0 }],
  ];
  for (const [what, change] of accepted) {
    it(`takes a document ${what} as upstream writes it`, () => {
      assert.deepEqual(rewrite(parse({ ...upstream, ...change })), { ...upstream, ...change });
    });
  }

  const refused: [string, object, string][] = [
    ['an unknown factor', { enrolled_factors: [{ ...entry, factor_id: 'palm' }] }, 'enrolled_factors'],
    ['recovery among the factors', { enrolled_factors: [{ ...entry, factor_id: 'recovery' }] }, 'enrolled_factors'],
    ['a label that is no text', { enrolled_factors: [{ ...entry, label: 7 }] }, 'enrolled_factors'],
    ['no list of factors', { enrolled_factors: {} }, 'enrolled_factors'],
    ['an unknown policy', { auth_policy: 'most' }, 'auth_policy'],
    ['a negative count in its policy', { auth_policy: { policy: { required: [], additional_required: -1 } } }, 'auth_policy'],
    ['an unknown init mode', { init_mode: 'luck' }, 'init_mode'],
    ['a time that is no number', { created_at: '2026' }, 'created_at'],
    ['a missing member', { policy_changed_at: undefined }, 'policy_changed_at'],
    [
      'a suite of ours that nobody knows',
      { open_sesame_devices: { crypto: { kdf: 'md5', hkdf: 'blake3' } } },
      'open_sesame_devices',
    ],
    ['a recovery entry of ours without a time', { open_sesame_devices: { recovery: {} } }, 'open_sesame_devices'],
    ['no version', { version: undefined }, 'version'],
    ['version 0', { version: 0 }, 'version'],
    ['a version that is no integer', { version: 1.5 }, 'version'],
  ];
  for (const [what, change, member] of refused) {
    it(`refuses a document with ${what}, naming file and member`, () => {
      assert.throws(() => parse({ ...upstream, ...change }), failsWith('file-damaged', path, `"${member}"`));
    });
  }

  it('refuses a newer version whatever else it holds', () => {
    assert.throws(() => parse({ version: 2 }), failsWith('file-too-new', path, 'version 2'));
  });

  for (const text of ['', '{', 'null', '[]', '"text"', '{"version":1', '\xff\xfe']) {
    it(`refuses the foreign content ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseVaultMeta(path, Buffer.from(text, 'latin1')), failsWith('file-damaged', path));
    });
  }

  it('answers any bytes with a document or an error that a person can act on', () => {
    const mangled = fc.tuple(fc.nat(400), fc.uint8Array({ maxLength: 8 })).map(([at, bytes]) => {
      const whole = Buffer.from(JSON.stringify(upstream));
      return Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + bytes.length)]);
    });
    fc.assert(
      fc.property(mangled, (bytes) => {
        try {
          assert.equal(parseVaultMeta(path, bytes).version, 1);
        } catch (thrown) {
          assert.ok(thrown instanceof SesameError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('takes Argon2id and BLAKE3 for a vault that does not say', () => {
    assert.deepEqual(suiteOf(parse(upstream)), { kdf: 'argon2id', hkdf: 'blake3' });
  });

  it('takes the suite that the vault records', () => {
    const crypto = { kdf: 'pbkdf2-sha256', hkdf: 'hkdf-sha256' };
    assert.deepEqual(suiteOf(parse({ ...upstream, open_sesame_devices: { crypto } })), crypto);
  });

  it('leaves open what a password gives where the document does not say', () => {
    assert.equal(passwordIsMasterKey(parse(upstream)), undefined);
  });
});

describe('rewriting vault metadata', () => {
  const foreign = {
    ...upstream,
    enrolled_factors: [{ ...entry, colour: 'blue' }],
    future: { nested: [1, null, 'x'] },
    open_sesame_devices: { crypto: { kdf: 'argon2id', hkdf: 'blake3' }, pin: { tries: 3 } },
  };

  it('keeps what it does not know, in the document, in a factor and in our own section', () => {
    const tpm = { factor_id: 'tpm', label: 'TPM', enrolled_at: 1_700_000_001 } as const;
    const meta = parse(foreign);
    const changed = withRecovery(withFactors(meta, [...meta.enrolled_factors, tpm]), 1_700_000_002);
    assert.deepEqual(rewrite(changed), {
      ...foreign,
      enrolled_factors: [...foreign.enrolled_factors, tpm],
      open_sesame_devices: { ...foreign.open_sesame_devices, recovery: { enrolled_at: 1_700_000_002 } },
    });
  });

  it('keeps the entry of a factor that stays', () => {
    const again = { factor_id: 'password', label: 'another', enrolled_at: 5 } as const;
    assert.deepEqual(rewrite(withFactors(parse(foreign), [again])), foreign);
  });

  it('takes a factor out', () => {
    assert.deepEqual(withoutFactor(parse(upstream), 'password').enrolled_factors, []);
  });

  it('puts recovery under our own key and nowhere else', () => {
    const { open_sesame_devices: ours, ...rest } = withRecovery(parse(upstream), 9);
    assert.deepEqual([ours, rest], [{ recovery: { enrolled_at: 9 } }, upstream]);
  });

  it('takes recovery out again', () => {
    assert.equal(recoveryEnrolledAt(withRecovery(withRecovery(parse(upstream), 9), undefined)), undefined);
  });
});

describe('the metadata of a new vault', () => {
  const initModes: [('password' | 'ssh-agent' | 'tpm')[], unknown][] = [
    [['password'], 'password'],
    [['ssh-agent'], 'ssh-key-only'],
    [['tpm'], { 'multi-factor': { factors: ['tpm'] } }],
    [['password', 'tpm'], { 'multi-factor': { factors: ['password', 'tpm'] } }],
  ];
  for (const [ids, expected] of initModes) {
    it(`records ${ids.join(' and ')} in upstream's form`, () => {
      const factors = ids.map((factor_id) => ({ factor_id, label: '', enrolled_at: 1 }));
      assert.deepEqual(newVaultMeta('any', defaultVaultSuite, factors, 1).init_mode, expected);
    });
  }

  it('can be read again', () => {
    const meta = newVaultMeta('all', { kdf: 'pbkdf2-sha256', hkdf: 'hkdf-sha256' }, [entry], 1_700_000_000);
    assert.deepEqual(parseVaultMeta(path, serialiseVaultMeta(meta)), meta);
  });
});
