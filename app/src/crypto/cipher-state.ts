// SPDX-License-Identifier: MIT
import {
  type CipherChaCha20Poly1305,
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  type DecipherChaCha20Poly1305,
  type DecipherGCM,
} from 'node:crypto';
import { assert } from '../core/errors.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { NoiseCipher } from './suite.ts';

/** Length in bytes of a cipher key. */
export const cipherKeyLength = 32;
/** What encryption adds, in bytes. */
export const tagLength = 16;

// Noise allows 2^64 - 1. A Number counts exactly up to here, which at a million messages a second takes 285 years.
const nonceLimit = Number.MAX_SAFE_INTEGER;
const options = { authTagLength: tagLength };
const nothing = Buffer.alloc(0);

/** A CipherState of Noise (rev 34, section 5.1): a key, and a nonce that is used once. */
export class CipherState {
  readonly #cipher: NoiseCipher;
  readonly #keys: SecretBytes;
  /** Looks at its bytes; empty once they are released. */
  readonly #key: Buffer;
  readonly #iv = Buffer.alloc(12);
  #nonce: number;

  /**
   * @param keys not owned
   * @param offset where the key's 32 bytes stand in `keys`
   * @param nonce the first one; only tests start elsewhere than at 0
   */
  constructor(cipher: NoiseCipher, keys: SecretBytes, offset: number, nonce = 0) {
    this.#cipher = cipher;
    this.#keys = keys;
    this.#key = keys.bytes.subarray(offset, offset + cipherKeyLength);
    this.#nonce = nonce;
  }

  /** @returns ciphertext || 16-byte tag */
  encrypt(plaintext: Uint8Array, associatedData: Uint8Array = nothing): Buffer {
    const cipher = this.#createCipher();
    if (associatedData.length > 0) cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
    // Ciphertext may come from the pool: it is no secret.
    const ciphertext = Buffer.allocUnsafe(plaintext.length + tagLength);
    ciphertext.set(cipher.update(plaintext));
    cipher.final();
    ciphertext.set(cipher.getAuthTag(), plaintext.length);
    this.#nonce++;
    return ciphertext;
  }

  /** @returns the plaintext, or undefined when the ciphertext is not authentic, in which case the nonce stays as it was */
  decrypt(ciphertext: Uint8Array, associatedData: Uint8Array = nothing): Buffer | undefined {
    if (ciphertext.length < tagLength) return undefined;
    const decipher = this.#createDecipher();
    decipher.setAuthTag(ciphertext.subarray(-tagLength));
    if (associatedData.length > 0) decipher.setAAD(associatedData, { plaintextLength: ciphertext.length - tagLength });
    const plaintext = decipher.update(ciphertext.subarray(0, -tagLength));
    try {
      decipher.final();
    } catch {
      // The one thing final() can find wrong here is the tag. What was decrypted is unauthenticated, and nobody sees it.
      plaintext.fill(0);
      return undefined;
    }
    this.#nonce++;
    return plaintext;
  }

  #createCipher(): CipherGCM | CipherChaCha20Poly1305 {
    const key = this.#usableKey();
    const iv = this.#encodeNonce();
    if (this.#cipher === 'aes-gcm') return createCipheriv('aes-256-gcm', key, iv, options);
    return createCipheriv('chacha20-poly1305', key, iv, options);
  }

  #createDecipher(): DecipherGCM | DecipherChaCha20Poly1305 {
    const key = this.#usableKey();
    const iv = this.#encodeNonce();
    if (this.#cipher === 'aes-gcm') return createDecipheriv('aes-256-gcm', key, iv, options);
    return createDecipheriv('chacha20-poly1305', key, iv, options);
  }

  #usableKey(): Buffer {
    assert(!this.#keys.released, 'secret bytes that were released are not used');
    return this.#key;
  }

  /** 32 zero bits, then the nonce: little-endian for ChaChaPoly, big-endian for AESGCM (rev 34, sections 12.3 and 12.4). */
  #encodeNonce(): Buffer {
    assert(this.#nonce < nonceLimit, 'the nonces of this key are used up');
    const low = this.#nonce >>> 0;
    const high = Math.floor(this.#nonce / 2 ** 32);
    if (this.#cipher === 'aes-gcm') {
      this.#iv.writeUInt32BE(high, 4);
      this.#iv.writeUInt32BE(low, 8);
    } else {
      this.#iv.writeUInt32LE(low, 4);
      this.#iv.writeUInt32LE(high, 8);
    }
    return this.#iv;
  }
}
