// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../src/core/clock.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { Vault, type VaultOptions } from '../../src/vault/vault.ts';
import { runModule } from '../support/child.ts';

export const memory = openSecretMemory();

/** Wiped when it is taken, so that each one takes a copy. */
export const masterKeyBytes = Buffer.alloc(32, 0x5a);

export const masterKey = (bytes: Buffer = masterKeyBytes): SecretBytes => memory.take(Buffer.from(bytes));

/** Vaults in a directory of their own, closed and removed by `remove`. */
export class Fixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'open-sesame-vault-'));
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly logger = new RecordingLogger();
  readonly #masterKey = masterKey();
  readonly #vaults: Vault[] = [];

  options(changes: Partial<VaultOptions> = {}): VaultOptions {
    const { directory, clock, logger } = this;
    return {
      ...{ memory, directory, clock, logger, profile: 'device', masterKey: this.#masterKey, hkdf: 'blake3', idleCloseMs: 60_000 },
      ...changes,
    };
  }

  create(changes?: Partial<VaultOptions>): Vault {
    return this.#keep(Vault.create(this.options(changes)));
  }

  open(changes?: Partial<VaultOptions>): Vault {
    return this.#keep(Vault.open(this.options(changes)));
  }

  get path(): string {
    return join(this.directory, 'device.db');
  }

  remove(): void {
    for (const vault of this.#vaults) vault.close();
    this.#masterKey.release();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #keep(vault: Vault): Vault {
    this.#vaults.push(vault);
    return vault;
  }
}

/** The value as text; wipes it. */
export function reveal(value: SecretBytes): string {
  try {
    return value.bytes.toString('utf8');
  } finally {
    value.release();
  }
}

/** The keys of a profile by the b3sum command of Debian, which shares nothing with us. */
export function keysByB3sum(profile: string, master: Buffer): { readonly vaultKey: Buffer; readonly entryKey: Buffer } {
  const vaultKey = b3sum(`pds v2 vault-key ${profile}`, master);
  return { vaultKey, entryKey: b3sum('pds v2 entry-encryption-key', vaultKey) };
}

function b3sum(context: string, input: Buffer): Buffer {
  const { status, stdout, error } = spawnSync('b3sum', ['--derive-key', context], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`b3sum failed; install the Debian package b3sum: ${error ?? ''}`);
  return Buffer.from(stdout.slice(0, 64), 'hex');
}

/** An entry's value as the format description says it, step by step. */
export function sealByHand(entryKey: Buffer, plaintext: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', entryKey, nonce);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

export function openByHand(entryKey: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', entryKey, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

/** Sets values in a process that then ends without closing the vault, so that only the write-ahead log holds them. */
export function setAndCrash(directory: string, sets: readonly (readonly [name: string, value: string])[]): void {
  const { status, stderr } = runModule(`
    import { rmSync } from 'node:fs';
    import { Vault } from ${JSON.stringify(import.meta.resolve('../../src/vault/vault.ts'))};
    import { Fixture } from ${JSON.stringify(import.meta.url)};
    const fixture = new Fixture();
    const options = { ...fixture.options(), directory: ${JSON.stringify(directory)} };
    const vault = Vault.open(options);
    for (const [name, value] of ${JSON.stringify(sets)}) vault.set(name, Buffer.from(value));
    rmSync(fixture.directory, { recursive: true });
    process.reallyExit(0);
  `);
  assert.equal(status, 0, stderr);
  assert.ok(existsSync(join(directory, 'device.db-wal')));
}
