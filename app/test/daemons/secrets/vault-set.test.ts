// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { defaultVaultSuite } from '../../../src/crypto/suite.ts';
import { KeyChanges } from '../../../src/daemons/secrets/key-changes.ts';
import { VaultSet } from '../../../src/daemons/secrets/vault-set.ts';
import { type Evidence, Keyring } from '../../../src/factors/keyring.ts';
import { openSecretMemory } from '../../../src/memory/secret-memory.ts';

const profile = 'device';
const memory = openSecretMemory();

describe('a change of the master key', () => {
  let directory: string;
  let vaults: VaultSet;
  let keyring: Keyring;
  let keyChanges: KeyChanges;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vault-set-'));
    const common = { memory, directory, clock: systemClock, logger: new RecordingLogger() };
    vaults = new VaultSet({ ...common, idleCloseMs: () => 1000 });
    keyring = new Keyring({ ...common, opensVault: () => false });
    keyChanges = new KeyChanges(keyring, vaults, async (_, vault) => vault.setState('mark', Buffer.from('as made')));
    await withPassword((evidence) =>
      keyChanges.initialise({ profile, evidence, policy: 'any', recovery: false, suite: defaultVaultSuite }),
    );
    const unlocked = await withPassword((evidence) => keyring.unlock(profile, evidence));
    assert.ok(unlocked.state === 'unlocked');
    vaults.unlock(profile, unlocked.masterKey);
  });
  afterEach(() => {
    vaults.lock(profile);
    rmSync(directory, { recursive: true });
  });

  async function withPassword<Result>(work: (evidence: readonly Evidence[]) => Promise<Result>): Promise<Result> {
    const bytes = memory.take(Buffer.from('a password for tests'));
    try {
      return await work([{ factor: 'password', bytes }]);
    } finally {
      bytes.release();
    }
  }

  const rekey = () => withPassword((evidence) => keyChanges.rekey({ profile, evidence, newRecovery: false }));
  const mark = () => vaults.current(profile).state().get('mark')?.toString();

  it('takes along what a vault noted when it was made', async () => {
    await rekey();
    assert.equal(mark(), 'as made');
  });

  it('takes along what was being noted when it began', async () => {
    const tpm = Promise.withResolvers<void>();
    const noting = vaults.undisturbed(profile, async (vault) => {
      await tpm.promise;
      vault.setState('mark', Buffer.from('noted'));
    });
    const rekeyed = rekey();
    // Longer than a change takes that does not wait.
    await Promise.race([rekeyed, sleep(2000)]);
    tpm.resolve();
    await Promise.all([noting, rekeyed]);
    assert.equal(mark(), 'noted');
  });

  it('is waited for by what is to be noted after it began', async () => {
    const rekeyed = rekey();
    await vaults.undisturbed(profile, async (vault) => vault.setState('mark', Buffer.from('noted')));
    await rekeyed;
    assert.equal(mark(), 'noted');
  });
});
