// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { asSesameError } from '../../src/core/errors.ts';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import type { Evidence } from '../../src/factors/keyring.ts';
import type { AuthPolicy } from '../../src/factors/policy.ts';
import { builtInFactors } from '../../src/factors/registry.ts';
import {
  evidence,
  Fixture,
  failsWith,
  masterKeyOf,
  memory,
  password,
  recovery,
  reveal,
  tokenFactor,
  tpm,
  yubikey,
} from './fixture.ts';

let fixture: Fixture;
/** A second directory with vaults of its own. */
let other: Fixture;
beforeEach(() => {
  fixture = new Fixture();
  other = new Fixture();
});
afterEach(() => {
  fixture.remove();
  other.remove();
});

const unlock = async (...presented: Parameters<typeof fixture.keyring.unlock>[1]) =>
  await fixture.keyring.unlock('home', presented);

describe('initialising a vault', () => {
  it('writes salt, wraps and metadata, each readable by the owner alone', async () => {
    await fixture.initialise([password()], 'any', true);
    const names = readdirSync(fixture.directory).sort();
    assert.deepEqual(names, ['home.password-wrap', 'home.recovery-wrap', 'home.salt', 'home.vault-meta']);
    for (const suffix of ['password-wrap', 'recovery-wrap', 'salt', 'vault-meta']) {
      assert.equal(statSync(fixture.path(suffix)).mode & 0o777, 0o600);
    }
  });

  it('touches nothing but the target directory', async () => {
    const targetDirectory = fixture.stage();
    const options = { profile: 'home', policy: 'any', recovery: false, suite: defaultVaultSuite, targetDirectory } as const;
    const keys = await fixture.keyring.initialise({ ...options, evidence: [password()] });
    keys.masterKey.release();
    assert.deepEqual(readdirSync(fixture.directory), ['home.next']);
  });

  it('writes metadata that upstream knows, with what is ours under a key of ours', async () => {
    await fixture.initialise([password()], 'any', true);
    assert.deepEqual(JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8')), {
      version: 1,
      init_mode: 'password',
      enrolled_factors: [{ factor_id: 'password', label: 'master password', enrolled_at: 1_700_000_000 }],
      auth_policy: 'any',
      created_at: 1_700_000_000,
      policy_changed_at: 1_700_000_000,
      open_sesame_devices: { crypto: { kdf: 'argon2id', hkdf: 'blake3' }, recovery: { enrolled_at: 1_700_000_000 } },
    });
  });

  it('makes another master key each time', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    assert.notEqual(masterKey, (await other.initialise([password()])).masterKey);
  });

  it('forgets the failures of a vault of that name that is gone', async () => {
    writeFileSync(fixture.path('unlock-attempts'), '9\n');
    await fixture.initialise([password()]);
    assert.notEqual(masterKeyOf(await unlock(password())), 'partial');
  });

  for (const suffix of ['db', 'salt', 'vault-meta', 'password-wrap', 'ssh-enrollment', 'tpm-enrollment', 'recovery-wrap']) {
    it(`is refused while a ${suffix} of that profile is there`, async () => {
      writeFileSync(fixture.path(suffix), 'precious');
      await assert.rejects(fixture.initialise([password()]), failsWith('vault-exists', 'home'));
      assert.equal(readFileSync(fixture.path(suffix), 'utf8'), 'precious');
    });
  }

  it('is refused without any factor', async () => {
    await assert.rejects(fixture.initialise([], 'any', true), failsWith('policy-unsatisfiable', '1 more'));
  });

  it('is refused when the policy requires a factor that was not given', async () => {
    const policy: AuthPolicy = { policy: { required: ['tpm'], additional_required: 0 } };
    await assert.rejects(fixture.initialise([password()], policy), failsWith('factor-evidence-missing', 'tpm'));
  });

  it('is refused with a factor that this program does not have', async () => {
    await assert.rejects(fixture.initialise([evidence('fido2', 'x')]), failsWith('factor-unknown', 'fido2', 'password'));
  });

  it('is refused with the same factor twice', async () => {
    await assert.rejects(fixture.initialise([password('a'), password('b')]), failsWith('factor-repeated', 'password'));
  });

  it('is refused with an empty password', async () => {
    await assert.rejects(fixture.initialise([password('')]), failsWith('password-empty'));
  });

  it('is refused for a name that leaves the directory', async () => {
    const keyring = fixture.keyring;
    await assert.rejects(keyring.unlock('../home', [password()]), failsWith('profile-name-invalid'));
  });
});

describe('unlocking', () => {
  it('gives the master key for the right password', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    assert.equal(masterKeyOf(await unlock(password())), masterKey);
  });

  it('refuses a wrong password and changes nothing but the count', async () => {
    await fixture.initialise([password()]);
    const before = fixture.snapshot();
    await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed', 'password', 'home'));
    before.set('home.unlock-attempts', Buffer.from('1\n').toString('hex'));
    assert.deepEqual(fixture.snapshot(), before);
  });

  it('accepts either factor in any mode', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()]);
    assert.deepEqual([masterKeyOf(await unlock(password())), masterKeyOf(await unlock(tpm()))], [masterKey, masterKey]);
  });

  it('refuses a right factor that comes together with a wrong one', async () => {
    await fixture.initialise([password(), tpm()]);
    await assert.rejects(unlock(password(), tpm('wrong')), failsWith('authentication-failed', 'TPM'));
  });

  it('opens with a suite that the vault records', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()], 'all', false, {
      kdf: 'pbkdf2-sha256',
      hkdf: 'hkdf-sha256',
    });
    assert.equal(masterKeyOf(await unlock(password(), tpm())), masterKey);
  });

  it('refuses a factor that is not enrolled', async () => {
    await fixture.initialise([password()]);
    await assert.rejects(unlock(tpm()), failsWith('factor-not-enrolled', 'tpm', 'home'));
  });

  it('refuses an enrolled factor that this program does not have', async () => {
    await fixture.initialise([password(), tpm()]);
    fixture.open({ factors: builtInFactors });
    await assert.rejects(unlock(tpm()), failsWith('factor-unknown', 'tpm'));
  });

  it('refuses two guesses at one factor in one attempt', async () => {
    await fixture.initialise([password()]);
    await assert.rejects(unlock(password('a'), password('b')), failsWith('factor-repeated', 'password'));
  });

  it('refuses no evidence at all, naming a factor', async () => {
    await fixture.initialise([tpm()]);
    await assert.rejects(unlock(), failsWith('factor-evidence-missing', 'tpm'));
  });

  it('refuses a profile that has no vault', async () => {
    await assert.rejects(unlock(password()), failsWith('vault-not-initialised', 'home'));
  });

  it('answers many at once one after the other', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    const keys = await Promise.all(Array.from({ length: 4 }, async () => masterKeyOf(await unlock(password()))));
    assert.deepEqual(keys, Array(4).fill(masterKey));
  });
});

describe('recovery', () => {
  for (const policy of [
    'any',
    'all',
    { policy: { required: ['password', 'tpm'], additional_required: 0 } },
  ] satisfies AuthPolicy[]) {
    it(`opens alone under ${JSON.stringify(policy)}`, async () => {
      const { masterKey, recoveryKey } = await fixture.initialise([password(), tpm()], policy, true);
      assert.equal(masterKeyOf(await unlock(recovery(recoveryKey))), masterKey);
    });
  }

  it('does not count towards a policy', async () => {
    await fixture.initialise([password()], 'any', true);
    assert.deepEqual(
      fixture.keyring.list('home').factors.map(({ factor, counts }) => [factor, counts]),
      [
        ['password', true],
        ['recovery', false],
      ],
    );
  });

  it('with a typing error is no failed attempt', async () => {
    await fixture.initialise([password()], 'any', true);
    await assert.rejects(unlock(evidence('recovery', 'typo')), failsWith('recovery-key-malformed'));
    assert.equal(existsSync(fixture.path('unlock-attempts')), false);
  });

  it('of another vault is a failed attempt', async () => {
    await fixture.initialise([password()], 'any', true);
    const { recoveryKey } = await other.initialise([password()], 'any', true);
    await assert.rejects(unlock(recovery(recoveryKey)), failsWith('authentication-failed', 'the recovery key does not open'));
    assert.equal(readFileSync(fixture.path('unlock-attempts'), 'latin1'), '1\n');
  });
});

describe('unlocking with several factors', () => {
  it('waits for the others in all mode, naming them, and then opens', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm(), yubikey()], 'all');
    assert.deepEqual(await unlock(yubikey()), { state: 'partial', remaining: ['password', 'tpm'], needed: 2, seconds: 120 });
    fixture.clock.advance(100_000);
    assert.deepEqual(await unlock(password()), { state: 'partial', remaining: ['tpm'], needed: 1, seconds: 20 });
    assert.equal(masterKeyOf(await unlock(tpm())), masterKey);
  });

  it('rests on a piece of its own per factor in all mode', async () => {
    await fixture.initialise([tpm(), yubikey()], 'all');
    const context = { memory, profile: 'home', salt: Buffer.alloc(16), suite: defaultVaultSuite };
    const pieceOf = async ({ factor, bytes }: Evidence) => {
      const path = fixture.path(`${factor}-enrollment`);
      const file = { path, bytes: readFileSync(path) };
      const piece = await tokenFactor(factor === 'tpm' ? 'tpm' : 'yubikey').unwrap(context, file, bytes);
      return piece && reveal(piece);
    };
    const [one, two] = [await pieceOf(tpm()), await pieceOf(yubikey())];
    assert.match(one ?? '', /^[0-9a-f]{64}$/);
    assert.notEqual(one, two);
  });

  it('accepts all of them in one call, in any order', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()], 'all');
    assert.equal(masterKeyOf(await unlock(tpm(), password())), masterKey);
  });

  it('forgets the first after two minutes, says so, and wants it again', async () => {
    await fixture.initialise([password(), tpm()], 'all');
    await unlock(password());
    fixture.clock.advance(120_000);
    assert.deepEqual(await unlock(tpm()), { state: 'partial', remaining: ['password'], needed: 1, seconds: 120 });
    assert.deepEqual(fixture.expired, ['home']);
  });

  it('forgets the first on lock', async () => {
    await fixture.initialise([password(), tpm()], 'all');
    await unlock(password());
    const before = fixture.keyring.isPartlyUnlocked('home');
    fixture.keyring.forget('home');
    assert.deepEqual([before, fixture.keyring.isPartlyUnlocked('home')], [true, false]);
    assert.equal(fixture.keyring.partialUnlock('home'), undefined);
  });

  it('keeps the first when a later one is wrong', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()], 'all');
    await unlock(password());
    await assert.rejects(unlock(tpm('wrong')), failsWith('authentication-failed', 'TPM'));
    assert.equal(masterKeyOf(await unlock(tpm())), masterKey);
  });

  it('opens once a required factor and an additional one were presented', async () => {
    const policy: AuthPolicy = { policy: { required: ['tpm'], additional_required: 1 } };
    const { masterKey } = await fixture.initialise([password(), tpm(), yubikey()], policy);
    await unlock(password());
    assert.deepEqual(fixture.keyring.partialUnlock('home'), { remaining: ['tpm'], needed: 1, seconds: 120 });
    assert.equal(masterKeyOf(await unlock(tpm())), masterKey);
  });

  it('does not forget failures for one right factor of several', async () => {
    await fixture.initialise([password(), tpm()], 'all');
    for (let guess = 0; guess < 2; guess++) await assert.rejects(unlock(tpm('wrong')), failsWith('authentication-failed'));
    await unlock(password());
    await assert.rejects(unlock(tpm('wrong')), failsWith('authentication-failed'));
    await assert.rejects(unlock(tpm()), failsWith('authentication-delayed', '1 s'));
  });
});

describe('failed unlocks', () => {
  it('are delayed from the third on, across a restart, and a right factor after the delay clears them', async () => {
    const { masterKey } = await fixture.initialise([password()]);
    for (let guess = 0; guess < 3; guess++) await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed'));
    await assert.rejects(unlock(password()), failsWith('authentication-delayed'));
    fixture.open();
    await assert.rejects(unlock(password()), failsWith('authentication-delayed'));
    fixture.clock.advance(1_000);
    assert.equal(masterKeyOf(await unlock(password())), masterKey);
    assert.equal(existsSync(fixture.path('unlock-attempts')), false);
  });

  it('cannot slip past the delay by coming all at once', async () => {
    await fixture.initialise([password()]);
    const guesses = await Promise.allSettled(Array.from({ length: 10 }, () => unlock(password('wrong'))));
    const codes = guesses.map((guess) => guess.status === 'rejected' && asSesameError(guess.reason, 'a guess').code);
    assert.equal(codes.filter((code) => code === 'authentication-delayed').length, 7);
  });
});

describe('the keyring', () => {
  it('knows which profiles have files of a vault', async () => {
    await fixture.initialise([password()]);
    writeFileSync(fixture.path('db').replace('home.', 'work.'), '');
    for (const name of ['bad name.db', 'home.next', '.salt', 'x.db-wal', 'y.unlock-attempts']) {
      writeFileSync(`${fixture.directory}/${name}`, '');
    }
    assert.deepEqual(fixture.keyring.profiles(), ['home', 'work']);
    assert.deepEqual([fixture.keyring.exists('work'), fixture.keyring.exists('y')], [true, false]);
  });

  it('gives every page of secret memory back', async () => {
    const before = memory.status().pagesInUse;
    const held = [password(), tpm(), password('wrong')];
    const [right, token, wrong] = held;
    assert.ok(right && token && wrong);
    const { recoveryKey } = await fixture.initialise([right, token], 'all', true);
    const key = recovery(recoveryKey);
    await fixture.keyring.unlock('home', [right]);
    await assert.rejects(fixture.keyring.unlock('home', [wrong, token]), failsWith('authentication-failed'));
    masterKeyOf(await fixture.keyring.unlock('home', [token]));
    await fixture.keyring.unlock('home', [right]);
    masterKeyOf(await fixture.keyring.unlock('home', [key, token]));
    for (const part of [...held, key]) part.bytes.release();
    recoveryKey?.release();
    assert.equal(memory.status().pagesInUse, before);
  });

  it('needs one more file per factor and nothing else', async () => {
    fixture.open({ factors: [...builtInFactors, tokenFactor('fingerprint')] });
    const { masterKey } = await fixture.initialise([evidence('fingerprint', 'whorl')]);
    assert.equal(masterKeyOf(await unlock(evidence('fingerprint', 'whorl'))), masterKey);
  });
});
