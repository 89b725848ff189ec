// SPDX-License-Identifier: MIT
import type { VaultSuite } from '../../crypto/suite.ts';
import type { FactorId } from '../../factors/factor-id.ts';
import type { Evidence, Keyring, RekeyChange } from '../../factors/keyring.ts';
import type { AuthPolicy } from '../../factors/policy.ts';
import type { SecretBytes } from '../../memory/secret-bytes.ts';
import { beginGeneration, copyEntries, type Generation } from '../../vault/generation.ts';
import type { Vault } from '../../vault/vault.ts';
import type { VaultSet } from './vault-set.ts';

export interface NewVault {
  readonly profile: string;
  readonly evidence: readonly Evidence[];
  readonly policy: AuthPolicy;
  readonly recovery: boolean;
  readonly suite: VaultSuite;
  /** The one that an ssh agent's challenge was derived from; a new one when absent. */
  readonly salt?: Buffer;
}

export interface Rekey {
  readonly profile: string;
  readonly evidence: readonly Evidence[];
  readonly newRecovery: boolean;
  readonly change?: RekeyChange;
}

export interface Rekeyed {
  readonly kept: FactorId[];
  readonly dropped: FactorId[];
  readonly entries: number;
  /** As text; the caller releases it. */
  readonly recoveryKey: SecretBytes | undefined;
}

/** Told of a vault that is new, before anybody can see it. The vault is not initialised when this throws. */
export type VaultCreated = (profile: string, vault: Vault, directory: string) => Promise<void>;

/**
 * What makes or replaces a vault's master key. Database and factor files appear together, by the one rename of a generation: a
 * crash leaves what was there before, or all of the new.
 */
export class KeyChanges {
  readonly #keyring: Keyring;
  readonly #vaults: VaultSet;
  readonly #created: VaultCreated;

  constructor(keyring: Keyring, vaults: VaultSet, created: VaultCreated) {
    this.#keyring = keyring;
    this.#vaults = vaults;
    this.#created = created;
  }

  /**
   * Makes a vault; it stays locked.
   * @returns the recovery key as text, if one was asked for; the caller releases it
   * @throws SesameError as Keyring.initialise and Vault.create do
   */
  async initialise({ profile, ...options }: NewVault): Promise<SecretBytes | undefined> {
    return await this.#inGeneration(profile, async (generation) => {
      const { masterKey, recoveryKey } = await this.#keyring.initialise({
        ...options,
        profile,
        targetDirectory: generation.directory,
      });
      try {
        await this.#createVault(profile, masterKey, generation.directory);
        generation.commit([]);
        return recoveryKey;
      } catch (thrown) {
        recoveryKey?.release();
        throw thrown;
      } finally {
        masterKey.release();
      }
    });
  }

  /**
   * Gives an unlocked vault a new master key and every entry a new encryption. It is unlocked with the new key afterwards.
   * @throws SesameError as Keyring.stageRekey, copyEntries and Generation.commit do; then the old generation stays
   */
  async rekey({ profile, evidence, newRecovery, change }: Rekey): Promise<Rekeyed> {
    return await this.#inGeneration(profile, async (generation) => {
      const targetDirectory = generation.directory;
      const staged = await this.#keyring.stageRekey({
        profile,
        evidence,
        newRecovery,
        targetDirectory,
        ...(change && { change }),
      });
      const { masterKey, kept, dropped, droppedFiles, recoveryKey } = staged;
      try {
        const entries = await this.#copyEntries(profile, masterKey, targetDirectory);
        this.#vaults.lock(profile);
        generation.commit(droppedFiles);
        this.#vaults.unlock(profile, masterKey);
        return { kept, dropped, entries, recoveryKey };
      } catch (thrown) {
        masterKey.release();
        recoveryKey?.release();
        throw thrown;
      }
    });
  }

  async #createVault(profile: string, masterKey: SecretBytes, directory: string): Promise<void> {
    const vault = this.#vaults.create(profile, masterKey, directory);
    try {
      await this.#created(profile, vault, directory);
    } finally {
      vault.close();
    }
  }

  async #copyEntries(profile: string, masterKey: SecretBytes, directory: string): Promise<number> {
    const next = this.#vaults.create(profile, masterKey, directory);
    try {
      return await copyEntries(this.#vaults.current(profile), next);
    } finally {
      next.close();
    }
  }

  async #inGeneration<Result>(profile: string, work: (generation: Generation) => Promise<Result>): Promise<Result> {
    return await this.#vaults.replacing(profile, async () => {
      const generation = beginGeneration(this.#vaults.directory, profile);
      try {
        return await work(generation);
      } catch (thrown) {
        // Before the commit this wipes what was prepared; after it, it moves the rest into place.
        this.#vaults.recover(profile);
        throw thrown;
      }
    });
  }
}
