// SPDX-License-Identifier: MIT
import { hash as digest } from 'node:crypto';
import { assert } from '../core/errors.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { CipherState, cipherKeyLength } from './cipher-state.ts';
import { type HmacHash, hkdfInto } from './hkdf.ts';
import type { NoiseSuite } from './suite.ts';

const hashLength = 32;
const keysLength = hashLength + cipherKeyLength;
const nothing = Buffer.alloc(0);

/** A SymmetricState of Noise (rev 34, section 5.2): chaining key, cipher key and the hash over everything so far. */
export class SymmetricState {
  readonly #memory: SecretMemory;
  readonly #suite: NoiseSuite;
  readonly #hashName: HmacHash;
  /** Chaining key || cipher key, in the order in which HKDF puts them out. */
  readonly #keys: SecretBytes;
  #cipher: CipherState | undefined;
  #hash: Buffer;

  /** @throws SesameError secret-memory-exhausted */
  constructor(memory: SecretMemory, suite: NoiseSuite) {
    this.#memory = memory;
    this.#suite = suite;
    this.#hashName = suite.hash === 'sha256' ? 'sha256' : 'blake2s256';
    this.#hash = this.#initialHash();
    this.#keys = memory.allocate(keysLength);
    this.#keys.bytes.set(this.#hash);
  }

  /** The hash over the handshake so far: public, and the same on both sides. */
  get handshakeHash(): Buffer {
    return Buffer.from(this.#hash);
  }

  mixHash(data: Uint8Array): void {
    this.#hash = digest(this.#hashName, Buffer.concat([this.#hash, data]), 'buffer');
  }

  /** @param material a Diffie-Hellman result; wiped */
  mixKey(material: Uint8Array): void {
    hkdfInto(this.#hashName, this.#chainingKey(), [material], nothing, this.#keys.bytes);
    material.fill(0);
    this.#cipher = new CipherState(this.#suite.cipher, this.#keys, hashLength);
  }

  encryptAndHash(plaintext: Uint8Array): Buffer {
    const ciphertext = this.#keyed().encrypt(plaintext, this.#hash);
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @returns undefined when the ciphertext is not authentic */
  decryptAndHash(ciphertext: Uint8Array): Buffer | undefined {
    const plaintext = this.#keyed().decrypt(ciphertext, this.#hash);
    if (plaintext !== undefined) this.mixHash(ciphertext);
    return plaintext;
  }

  /**
   * The transport keys, 64 bytes: the initiator's sending key, then the responder's.
   *
   * @throws SesameError secret-memory-exhausted
   */
  split(): SecretBytes {
    const keys = this.#memory.allocate(2 * cipherKeyLength);
    hkdfInto(this.#hashName, this.#chainingKey(), [], nothing, keys.bytes);
    return keys;
  }

  destroy(): void {
    this.#keys.release();
  }

  #chainingKey(): Buffer {
    return this.#keys.bytes.subarray(0, hashLength);
  }

  #keyed(): CipherState {
    assert(this.#cipher !== undefined, 'IK encrypts nothing before its first Diffie-Hellman');
    return this.#cipher;
  }

  #initialHash(): Buffer {
    const cipher = this.#suite.cipher === 'aes-gcm' ? 'AESGCM' : 'ChaChaPoly';
    const hash = this.#suite.hash === 'sha256' ? 'SHA256' : 'BLAKE2s';
    const name = Buffer.from(`Noise_IK_25519_${cipher}_${hash}`);
    if (name.length > hashLength) return digest(this.#hashName, name, 'buffer');
    return Buffer.concat([name], hashLength);
  }
}
