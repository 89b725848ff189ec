// SPDX-License-Identifier: MIT
import { existsSync, readdirSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { assert, SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { readEnrolment } from '../../factors/enrolment.ts';
import type { SecretBytes, SecretMemory } from '../../memory/secret-bytes.ts';
import { recoverGeneration } from '../../vault/generation.ts';
import { databasePath, generationProfile } from '../../vault/paths.ts';
import { Vault } from '../../vault/vault.ts';

export interface VaultSetOptions {
  readonly memory: SecretMemory;
  /** The directory `vaults/`. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a database stays open without use, in ms. */
  readonly idleCloseMs: () => number;
}

interface Unlocked {
  readonly vault: Vault;
  readonly masterKey: SecretBytes;
}

/** The vaults that are unlocked now, each with its master key: what `lock` takes away. */
export class VaultSet {
  readonly #options: VaultSetOptions;
  readonly #unlocked = new Map<string, Unlocked>();
  /** Why a profile cannot be used at all, found while recovering it. */
  readonly #damaged = new Map<string, string>();
  /** How many locks there were, and which of them was the last of each profile. */
  #locks = 0;
  readonly #lastLock = new Map<string, number>();
  /** Profiles whose generation is being replaced. */
  readonly #replacing = new Map<string, Promise<void>>();
  /** Profiles whose generation must not be replaced for a moment. */
  readonly #undisturbed = new Map<string, Promise<void>>();

  constructor(options: VaultSetOptions) {
    this.#options = options;
  }

  get directory(): string {
    return this.#options.directory;
  }

  get profiles(): string[] {
    return [...this.#unlocked.keys()];
  }

  /** How many locks were asked for up to now: the moment that `wasLockedSince` wants. */
  get locks(): number {
    return this.#locks;
  }

  /** Whether somebody locked a profile after a moment, unlocked or not: an unlock that began before it must not end after it. */
  wasLockedSince(profile: string, moment: number): boolean {
    return (this.#lastLock.get(profile) ?? 0) > moment;
  }

  isUnlocked(profile: string): boolean {
    return this.#unlocked.has(profile);
  }

  isOpen(profile: string): boolean {
    return this.#unlocked.get(profile)?.vault.isOpen ?? false;
  }

  /** What is wrong with a profile's files, or undefined. */
  problem(profile: string): string | undefined {
    return (
      this.#damaged.get(profile) ??
      (existsSync(databasePath(this.directory, profile)) ? undefined : 'its database file is missing')
    );
  }

  /** Recovers every profile that has an interrupted change of its keys. */
  recoverAll(): void {
    const profiles = readdirSync(this.directory).map(generationProfile);
    for (const profile of new Set(profiles)) if (profile !== undefined) this.recover(profile);
  }

  /** Finishes or undoes what a crash interrupted, before anything of the profile is opened. One that fails does not keep the others from working. */
  recover(profile: string): void {
    try {
      const recovery = recoverGeneration(this.directory, profile);
      if (recovery !== 'none')
        this.#options.logger.warn('an interrupted change of the master key was found', { profile, recovery });
      this.#damaged.delete(profile);
    } catch (thrown) {
      if (!(thrown instanceof SesameError)) throw thrown;
      this.#options.logger.error(thrown.message, { profile, code: thrown.code });
      this.#damaged.set(profile, thrown.message);
    }
  }

  /**
   * Opens a vault and keeps it unlocked. The master key belongs to the set from here on, also after a failure.
   * @throws SesameError vault-file-missing, vault-key-refused, vault-damaged
   */
  unlock(profile: string, masterKey: SecretBytes): void {
    let vault: Vault | undefined;
    try {
      vault = this.open(profile, masterKey);
      this.#close(profile);
    } finally {
      if (vault === undefined) masterKey.release();
      else this.#unlocked.set(profile, { vault, masterKey });
    }
  }

  /** A vault that the caller closes. */
  open(profile: string, masterKey: SecretBytes): Vault {
    return Vault.open(this.#vaultOptions(profile, masterKey, this.directory));
  }

  /** A new vault in a generation that is being prepared; the caller closes it. */
  create(profile: string, masterKey: SecretBytes, directory: string): Vault {
    return Vault.create(this.#vaultOptions(profile, masterKey, directory));
  }

  /** Whether a key opens a vault: the only proof there is for a password without a wrap. */
  opens(profile: string, masterKey: SecretBytes): boolean {
    // One connection at a time may have the file.
    this.#unlocked.get(profile)?.vault.closeDatabase();
    try {
      this.open(profile, masterKey).close();
      return true;
    } catch (thrown) {
      if (thrown instanceof SesameError && thrown.code === 'vault-key-refused') return false;
      throw thrown;
    }
  }

  /** @returns whether it was unlocked */
  lock(profile: string): boolean {
    this.#locks += 1;
    this.#lastLock.set(profile, this.#locks);
    return this.#close(profile);
  }

  #close(profile: string): boolean {
    const unlocked = this.#unlocked.get(profile);
    if (unlocked === undefined) return false;
    this.#unlocked.delete(profile);
    unlocked.vault.close();
    unlocked.masterKey.release();
    return true;
  }

  /**
   * The vault of an unlocked profile, after any change of its generation has ended.
   * @throws SesameError vault-not-initialised, vault-locked
   */
  async require(profile: string): Promise<Vault> {
    await this.#replacing.get(profile);
    return this.#require(profile).vault;
  }

  /** The vault of an unlocked profile as it is now, for who is replacing its generation. */
  current(profile: string): Vault {
    return this.#require(profile).vault;
  }

  /** The master key of an unlocked profile; it stays the set's. */
  masterKey(profile: string): SecretBytes {
    return this.#require(profile).masterKey;
  }

  /** Keeps everyone else away from a profile while its generation is replaced. */
  async replacing<Result>(profile: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#replacing.has(profile)) throw SesameError.of('vault-busy', { profile, operation: 'a change of its master key' });
    const ended = Promise.withResolvers<void>();
    this.#replacing.set(profile, ended.promise);
    try {
      await this.#undisturbed.get(profile);
      return await work();
    } finally {
      this.#replacing.delete(profile);
      ended.resolve();
    }
  }

  /**
   * Works on the vault of an unlocked profile, which keeps its generation meanwhile. One at a time per profile.
   * @throws SesameError vault-not-initialised, vault-locked, and those of the work
   */
  async undisturbed<Result>(profile: string, work: (vault: Vault) => Promise<Result>): Promise<Result> {
    while (this.#replacing.has(profile)) await this.#replacing.get(profile);
    const { vault } = this.#require(profile);
    assert(!this.#undisturbed.has(profile), 'one at a time');
    const ended = Promise.withResolvers<void>();
    this.#undisturbed.set(profile, ended.promise);
    try {
      return await work(vault);
    } finally {
      this.#undisturbed.delete(profile);
      ended.resolve();
    }
  }

  #require(profile: string): Unlocked {
    const unlocked = this.#unlocked.get(profile);
    if (unlocked !== undefined) return unlocked;
    // Tells a profile that does not exist from one that is only locked.
    readEnrolment(this.#options.memory, this.directory, profile);
    throw SesameError.of('vault-locked', { profile });
  }

  #vaultOptions(profile: string, masterKey: SecretBytes, directory: string): Parameters<typeof Vault.open>[0] {
    const { memory, clock, logger, idleCloseMs } = this.#options;
    const { hkdf } = readEnrolment(memory, directory, profile).context.suite;
    return { memory, directory, profile, masterKey, hkdf, idleCloseMs: idleCloseMs(), clock, logger };
  }
}
