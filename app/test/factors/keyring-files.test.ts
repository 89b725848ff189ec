// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { blake3 } from '@noble/hashes/blake3.js';
import { Fixture, failsWith, masterKeyOf, memory, password, tpm } from './fixture.ts';

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

describe('a vault that upstream wrote', () => {
  /** What upstream's init does in `all` mode: one random key under every factor, combined with itself. */
  it('opens in all mode although its pieces are equal', async () => {
    const { recoveryKey } = await fixture.initialise([password(), tpm()], 'any');
    assert.equal(recoveryKey, undefined);
    const shared = Buffer.from(masterKeyOf(await unlock(password())), 'hex');
    const meta = JSON.parse(readFileSync(fixture.path('vault-meta'), 'utf8'));
    const { open_sesame_devices: _, ...upstream } = { ...meta, auth_policy: 'all' };
    writeFileSync(fixture.path('vault-meta'), JSON.stringify(upstream));
    const context = Buffer.from('pds v2 combined-master-key home');
    const expected = Buffer.from(blake3(Buffer.concat([shared, shared]), { context })).toString('hex');
    assert.equal(masterKeyOf(await unlock(password(), tpm())), expected);
  });

  describe('in its oldest form, a salt and a database only', () => {
    let masterKey: string;

    beforeEach(async () => {
      writeFileSync(fixture.path('salt'), randomBytes(16));
      writeFileSync(fixture.path('db'), '');
      // The first candidate is taken as the key that made the database.
      let made: string | undefined;
      fixture.open({
        opensVault: (_, candidate) => {
          const hash = createHash('sha256').update(candidate.bytes).digest('hex');
          made ??= hash;
          return made === hash;
        },
      });
      masterKey = masterKeyOf(await unlock(password()));
    });

    it('opens with the stretched password as its master key', async () => {
      assert.equal(masterKeyOf(await unlock(password())), masterKey);
    });

    it('counts a wrong password like any other', async () => {
      await assert.rejects(unlock(password('wrong')), failsWith('authentication-failed', 'password'));
      assert.equal(readFileSync(fixture.path('unlock-attempts'), 'latin1'), '1\n');
    });

    it('gives the page of a wrong candidate back', async () => {
      const wrong = password('wrong');
      const before = memory.status().pagesInUse;
      await assert.rejects(unlock(wrong), failsWith('authentication-failed'));
      assert.equal(memory.status().pagesInUse, before);
    });

    it('lists its password', () => {
      const factors = [{ factor: 'password', label: 'master password', enrolled_at: 0, counts: true }];
      assert.deepEqual(fixture.keyring.list('home'), { policy: 'any', enforcement: 'cryptography', factors });
    });

    it('still opens with the password after a recovery key was added', async () => {
      const added = await fixture.keyring.add('home', 'recovery', [], memory.take(Buffer.from(masterKey, 'hex')));
      assert.equal(added.state, 'added');
      assert.equal(masterKeyOf(await unlock(password())), masterKey);
    });

    it('cannot lose the password without a new master key', async () => {
      await fixture.keyring.add('home', 'tpm', [tpm()], memory.take(Buffer.from(masterKey, 'hex')));
      assert.deepEqual(await fixture.keyring.remove('home', 'password'), { state: 'rekey-needed' });
    });
  });
});

describe('bad files', () => {
  const cases: [string, () => void, string, string][] = [
    ['a missing salt', () => rmSync(fixture.path('salt')), 'file-damaged', 'home.salt'],
    ['a salt of 15 bytes', () => truncateSync(fixture.path('salt'), 15), 'file-damaged', 'home.salt'],
    ['a salt of 17 bytes', () => truncateSync(fixture.path('salt'), 17), 'file-damaged', 'home.salt'],
    ['a truncated wrap', () => truncateSync(fixture.path('password-wrap'), 60), 'file-damaged', 'home.password-wrap'],
    ['an empty wrap', () => truncateSync(fixture.path('password-wrap'), 0), 'file-damaged', 'home.password-wrap'],
    ['a missing wrap', () => rmSync(fixture.path('password-wrap')), 'file-damaged', 'home.password-wrap'],
    ['a foreign wrap', () => writeFileSync(fixture.path('password-wrap'), '#!/bin/sh\n'), 'file-too-new', 'home.password-wrap'],
    [
      'a newer wrap',
      () => writeFileSync(fixture.path('password-wrap'), Buffer.alloc(61, 2)),
      'file-too-new',
      'home.password-wrap',
    ],
    ['truncated metadata', () => truncateSync(fixture.path('vault-meta'), 40), 'file-damaged', 'home.vault-meta'],
    ['newer metadata', () => writeFileSync(fixture.path('vault-meta'), '{"version":2}'), 'file-too-new', 'home.vault-meta'],
    ['huge metadata', () => truncateSync(fixture.path('vault-meta'), 2 ** 20), 'file-damaged', 'home.vault-meta'],
  ];
  for (const [what, harm, code, mention] of cases) {
    it(`${what} is named, costs no attempt and is left as it is`, async () => {
      await fixture.initialise([password()]);
      harm();
      const before = fixture.snapshot();
      await assert.rejects(unlock(password()), (thrown) => {
        return code === 'file-damaged' ? failsWith('file-damaged', mention)(thrown) : failsWith('file-too-new', mention)(thrown);
      });
      assert.deepEqual(fixture.snapshot(), before);
    });
  }

  it('of one factor leave the other factor working', async () => {
    const { masterKey } = await fixture.initialise([password(), tpm()]);
    rmSync(fixture.path('password-wrap'));
    assert.equal(masterKeyOf(await unlock(tpm())), masterKey);
  });

  it('of another profile do not open', async () => {
    await fixture.initialise([password()]);
    for (const suffix of ['salt', 'password-wrap', 'vault-meta']) {
      cpSync(fixture.path(suffix), fixture.path(suffix).replace('home.', 'work.'));
    }
    await other.initialise([password()]);
    cpSync(other.path('password-wrap'), fixture.path('password-wrap').replace('home.', 'work.'));
    await assert.rejects(fixture.keyring.unlock('work', [password()]), failsWith('authentication-failed'));
  });
});
