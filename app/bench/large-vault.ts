// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { RecordingLogger } from '../src/core/log.ts';
import { openAesGcm } from '../src/crypto/aead.ts';
import { vaultKeyContext } from '../src/crypto/contexts.ts';
import { deriveKey } from '../src/crypto/derive.ts';
import { passwordKey } from '../src/crypto/password.ts';
import type { SecretBytes } from '../src/memory/secret-bytes.ts';
import { openSecretMemory } from '../src/memory/secret-memory.ts';
import { openDatabase, rawDatabaseKey } from '../src/vault/database.ts';
import { Vault } from '../src/vault/vault.ts';
import { type Device, password } from '../test/support/device.ts';
import { profile } from './device.ts';

const memory = openSecretMemory();

export const nameOf = (entry: number) => `service-${String(entry).padStart(7, '0')}/password`;

/**
 * Fills the vault of a device whose daemons do not run, with copies of one entry made by SQL: setting them one by one would take
 * a quarter of an hour. Gives the vault, opened here.
 */
export async function fillVault(device: Device, entries: number): Promise<Vault> {
  const directory = join(device.stateDirectory, 'vaults');
  const masterKey = await unwrapMasterKey(directory);
  try {
    const idleCloseMs = 3_600_000;
    const common = { memory, directory, profile, hkdf: 'blake3', clock: systemClock, logger: new RecordingLogger() } as const;
    const vault = Vault.open({ ...common, masterKey, idleCloseMs });
    vault.set(nameOf(0), Buffer.alloc(32, 1));
    vault.closeDatabase();
    copyFirstEntry(directory, masterKey, entries);
    return vault;
  } finally {
    masterKey.release();
  }
}

async function unwrapMasterKey(directory: string): Promise<SecretBytes> {
  const salt = readFileSync(join(directory, `${profile}.salt`));
  const wrap = readFileSync(join(directory, `${profile}.password-wrap`)).subarray(1);
  const key = await passwordKey(memory, 'argon2id', Buffer.from(password), salt);
  const masterKey = openAesGcm(memory, key, wrap);
  key.release();
  assert.ok(masterKey !== undefined, 'the password opens its wrap');
  return masterKey;
}

function copyFirstEntry(directory: string, masterKey: SecretBytes, entries: number): void {
  const vaultKey = deriveKey(memory, 'blake3', vaultKeyContext(profile), masterKey.bytes);
  const key = rawDatabaseKey(memory, vaultKey);
  const database = openDatabase({ directory, profile }, key);
  database.exec(`WITH RECURSIVE entry(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM entry WHERE n < ${entries - 1})
    INSERT INTO secrets SELECT printf('service-%07d/password', n), (SELECT value FROM secrets LIMIT 1), 1, 1 FROM entry`);
  database.close();
  key.release();
  vaultKey.release();
}
