// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../src/core/clock.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { deriveKey } from '../../src/crypto/derive.ts';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import type { Factor } from '../../src/factors/factor.ts';
import type { FactorId, PolicyFactorId } from '../../src/factors/factor-id.ts';
import { type Evidence, Keyring, type KeyringOptions, type Unlocked } from '../../src/factors/keyring.ts';
import type { AuthPolicy } from '../../src/factors/policy.ts';
import { builtInFactors } from '../../src/factors/registry.ts';
import { checkWrappedKey, unwrapKey, wrapKey } from '../../src/factors/wrapped-key.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

export { failsWith } from '../support/failures.ts';
export const memory = openSecretMemory();

/** What a factor test works on: a directory of its own, a clock that stands still, a keyring. */
export class Fixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'factors-'));
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly logger = new RecordingLogger();
  readonly expired: string[] = [];
  keyring: Keyring;

  constructor(options: Partial<KeyringOptions> = {}) {
    this.keyring = this.open(options);
  }

  /** A new keyring over the same files, as after a restart. */
  open(options: Partial<KeyringOptions> = {}): Keyring {
    this.keyring = new Keyring({
      memory,
      directory: this.directory,
      clock: this.clock,
      logger: this.logger,
      opensVault: () => false,
      onPartialExpired: (profile) => this.expired.push(profile),
      factors: [...builtInFactors, tokenFactor('tpm'), tokenFactor('yubikey')],
      ...options,
    });
    return this.keyring;
  }

  /** Initialises a vault and commits it; the result is the master key in hex, for comparison, and the recovery key. */
  async initialise(
    evidence: readonly Evidence[],
    policy: AuthPolicy = 'any',
    recovery = false,
    suite = defaultVaultSuite,
  ): Promise<{ masterKey: string; recoveryKey: SecretBytes | undefined }> {
    const targetDirectory = this.stage();
    const keys = await this.keyring.initialise({ profile: 'home', evidence, policy, recovery, suite, targetDirectory });
    this.commit();
    return { masterKey: reveal(keys.masterKey), recoveryKey: keys.recoveryKey };
  }

  /** An empty directory for a next generation. */
  stage(): string {
    const directory = join(this.directory, 'home.next');
    mkdirSync(directory);
    return directory;
  }

  commit(): void {
    const staged = join(this.directory, 'home.next');
    for (const name of readdirSync(staged)) renameSync(join(staged, name), join(this.directory, name));
    rmSync(staged, { recursive: true });
  }

  discard(): void {
    rmSync(join(this.directory, 'home.next'), { recursive: true });
  }

  path(suffix: string): string {
    return join(this.directory, `home.${suffix}`);
  }

  /** Every file and its bytes, for "nothing was changed". */
  snapshot(): Map<string, string> {
    const names = readdirSync(this.directory).sort();
    return new Map(names.map((name) => [name, readFileSync(join(this.directory, name), 'hex')]));
  }

  remove(): void {
    this.keyring.forget();
    rmSync(this.directory, { recursive: true });
  }
}

/** A policy factor whose evidence is the key: stands in for the hardware that this machine may not have. */
export function tokenFactor(id: PolicyFactorId): Factor {
  const withKek = <Result>(evidence: SecretBytes, use: (kek: SecretBytes) => Result): Result => {
    const kek = deriveKey(memory, 'blake3', `test token ${id}`, evidence.bytes);
    try {
      return use(kek);
    } finally {
      kek.release();
    }
  };
  return {
    id,
    fileSuffix: id === 'tpm' ? 'tpm-enrollment' : `${id}-enrollment`,
    label: () => `token ${id}`,
    check: checkWrappedKey,
    wrap: async (_, evidence, piece) => withKek(evidence, (kek) => wrapKey(kek, piece)),
    unwrap: async (_, file, evidence) => withKek(evidence, (kek) => unwrapKey(memory, kek, file)),
  };
}

export function secret(text: string): SecretBytes {
  return memory.take(Buffer.from(text, 'latin1'));
}

export function evidence(factor: FactorId, text: string): Evidence {
  return { factor, bytes: secret(text) };
}

export const password = (text = 'correct horse') => evidence('password', text);
export const tpm = (text = 'the tpm') => evidence('tpm', text);
export const yubikey = (text = 'the yubikey') => evidence('yubikey', text);
export const recovery = (key: SecretBytes | undefined): Evidence => evidence('recovery', key?.bytes.toString('latin1') ?? '');

/** A key as hex, released. Tests compare; the product never does this. */
export function reveal(key: SecretBytes): string {
  const hex = key.bytes.toString('hex');
  key.release();
  return hex;
}

export function masterKeyOf(unlocked: Unlocked): string {
  return unlocked.state === 'unlocked' ? reveal(unlocked.masterKey) : 'partial';
}
