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

  constructor(bus: () => IdentityBus, memory: SecretMemory, logger: Logger) {
    this.#bus = bus;
    this.#memory = memory;
    this.#logger = logger;
  }

  /** A failure is logged: who may open a vault does not depend on it. */
  async present(profile: string, sealedKey: SecretBytes, origin: 'made' | 'unsealed'): Promise<void> {
    try {
      const { body } = await this.#bus().request('profile-status', {});
      if (body.installation === undefined) return;
      const hash = this.#hash(sealedKey, body.installation).toString('hex');
      await this.#bus().request('machine-binding', { profile, binding_hash: hash, renewed: origin === 'made' });
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
