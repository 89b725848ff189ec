// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { RecordingLogger } from '../src/core/log.ts';
import { vaultKeyContext } from '../src/crypto/contexts.ts';
import { deriveKey } from '../src/crypto/derive.ts';
import { openSecretMemory } from '../src/memory/secret-memory.ts';
import { openDatabase, rawDatabaseKey } from '../src/vault/database.ts';
import { Vault, type VaultOptions } from '../src/vault/vault.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { median, timeEach } from './statistics.ts';

const budget = 'read cost as a vault grows';
const few = 100;
const memory = openSecretMemory();

/** Reads from vaults of different sizes, by turns: of any entry while the database is open, and with opening it first. */
export async function vaultGrowth({ quick, say }: BenchOptions): Promise<Figure[]> {
  const many = quick ? 10_000 : 100_000;
  const directory = mkdtempSync(join(tmpdir(), 'open-sesame-growth-'));
  const masterKey = memory.allocate(32);
  try {
    say(`${budget}: filling a vault with ${many} entries`);
    const options = (name: string) => ({ ...fixed, directory: join(directory, name), masterKey });
    const small = { entries: few, vault: filled(options('small'), few) };
    const large = { entries: many, vault: filled(options('large'), many) };
    say(`${budget}: reading`);
    const warm = compare(small, large, quick ? 5 : 15, ({ vault, entries }, index) => {
      vault.get(nameOf((index * 7919) % entries)).release();
    });
    const cold = compare(small, large, quick ? 5 : 15, ({ vault, entries }, index) => {
      vault.closeDatabase();
      vault.get(nameOf((index * 7919) % entries)).release();
    });
    small.vault.close();
    large.vault.close();
    const figure = (measured: string, times: { small: number; large: number }): Figure => ({
      budget: `${budget}, ${few} → ${many}`,
      measured,
      value: times.large,
      floor: { measured: `the same with ${few} entries`, value: times.small },
      unit: 'µs',
      limit: { of: 'ratio', most: 1.3 },
    });
    return [figure('one entry, vault open', warm), figure('opening the vault and one entry', cold)];
  } finally {
    masterKey.release();
    rmSync(directory, { recursive: true });
  }
}

const fixed = {
  memory,
  profile: 'device',
  hkdf: 'blake3',
  idleCloseMs: 3_600_000,
  clock: systemClock,
  logger: new RecordingLogger(),
} as const;

interface Subject {
  readonly vault: Vault;
  readonly entries: number;
}

const nameOf = (entry: number) => `service-${String(entry).padStart(7, '0')}/password`;

/** A vault whose entries are copies of one, made by SQL: setting them one by one would take a quarter of an hour. */
function filled(options: VaultOptions, entries: number): Vault {
  mkdirSync(options.directory);
  const vault = Vault.create(options);
  vault.set(nameOf(0), Buffer.alloc(32, 1));
  vault.closeDatabase();
  const vaultKey = deriveKey(memory, options.hkdf, vaultKeyContext(options.profile), options.masterKey.bytes);
  const key = rawDatabaseKey(memory, vaultKey);
  const database = openDatabase(options, key);
  database.exec(`WITH RECURSIVE entry(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM entry WHERE n < ${entries - 1})
    INSERT INTO secrets SELECT printf('service-%07d/password', n), (SELECT value FROM secrets), 1, 1 FROM entry`);
  database.close();
  key.release();
  vaultKey.release();
  return vault;
}

/** Medians of medians, in µs. */
function compare(small: Subject, large: Subject, rounds: number, read: (subject: Subject, index: number) => void) {
  const reads = 500;
  const times = Array.from({ length: rounds + 1 }, (_, round) => ({
    small: median(timeEach(reads, (index) => read(small, round * reads + index))),
    large: median(timeEach(reads, (index) => read(large, round * reads + index))),
  })).slice(1);
  return { small: median(times.map((time) => time.small)), large: median(times.map((time) => time.large)) };
}
