// SPDX-License-Identifier: MIT
import type { RequestBody } from '../../bus/messages.ts';
import { describe } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { uuidBytes } from '../../core/uuid.ts';
import { blake3Hash } from '../../crypto/hash.ts';
import type { SecretBytes, SecretMemory } from '../../memory/secret-bytes.ts';

/** What is wanted of the bus here. */
export interface IdentityBus {
  request(kind: 'profile-status', body: Record<string, never>): Promise<{ readonly body: { readonly installation?: string } }>;
  request(kind: 'machine-binding', body: RequestBody<'machine-binding'>): Promise<unknown>;
}

/**
 * Tells daemon-profile, which owns installation.toml, what identifies this machine: BLAKE3 over the 32 bytes that the TPM sealed and the
 * installation's id (the seed's MachineBindingType::TpmBound).
 */
export class MachineIdentity {
  readonly #bus: () => IdentityBus;
  readonly #memory: SecretMemory;
  readonly #logger: Logger;
  /** Hashes of keys whose files are not on disk yet, by profile. */
  readonly #made = new Map<string, string>();

  constructor(bus: () => IdentityBus, memory: SecretMemory, logger: Logger) {
    this.#bus = bus;
    this.#memory = memory;
    this.#logger = logger;
  }

  /**
   * Runs a change of factors, and renews the binding when what the change made is on disk: before, a power cut or a full disk would leave
   * a binding to a key that nobody has.
   */
  async renewing<Result>(profile: string, change: () => Promise<Result>): Promise<Result> {
    try {
      const result = await change();
      const hash = this.#made.get(profile);
      if (hash !== undefined) await this.#logged(profile, () => this.#tell(profile, hash, true));
      return result;
    } finally {
      this.#made.delete(profile);
    }
  }

  /** A failure is logged: who may open a vault does not depend on it. */
  async present(profile: string, sealedKey: SecretBytes, origin: 'made' | 'unsealed'): Promise<void> {
    await this.#logged(profile, async () => {
      const { body } = await this.#bus().request('profile-status', {});
      if (body.installation === undefined) return;
      const hash = this.#hash(sealedKey, body.installation).toString('hex');
      if (origin === 'made') this.#made.set(profile, hash);
      else await this.#tell(profile, hash, false);
    });
  }

  async #tell(profile: string, hash: string, renewed: boolean): Promise<void> {
    await this.#bus().request('machine-binding', { profile, binding_hash: hash, renewed });
  }

  async #logged(profile: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#logger.error('the binding to this machine was not checked', { profile, cause: describe(thrown) });
    }
  }

  #hash(sealedKey: SecretBytes, installation: string): Buffer {
    const id = uuidBytes(installation.toLowerCase());
    const material = this.#memory.allocate(sealedKey.length + id.length);
    try {
      material.bytes.set(sealedKey.bytes);
      material.bytes.set(id, sealedKey.length);
      return blake3Hash(material.bytes);
    } finally {
      material.release();
    }
  }
}
