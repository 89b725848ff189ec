// SPDX-License-Identifier: MIT
import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';

const algorithm = 'aes-256-gcm';
const nonceLength = 12;
const tagLength = 16;

/** What sealing adds to a plaintext, in bytes: the nonce before and the tag behind it. */
export const sealOverhead = nonceLength + tagLength;

/**
 * AES-256-GCM (NIST SP 800-38D) under a random nonce and without additional data, the layout of vault entries and factor files:
 * 12-byte nonce || ciphertext || 16-byte tag.
 *
 * @param key 32 bytes; with random nonces good for 2^32 seals
 * @param plaintext neither wiped nor kept
 */
export function sealAesGcm(key: SecretBytes, plaintext: Uint8Array): Buffer {
  const sealed = Buffer.alloc(plaintext.length + sealOverhead);
  const nonce = randomFillSync(sealed.subarray(0, nonceLength));
  const cipher = createCipheriv(algorithm, key.bytes, nonce, { authTagLength: tagLength });
  sealed.set(cipher.update(plaintext), nonceLength);
  cipher.final();
  sealed.set(cipher.getAuthTag(), nonceLength + plaintext.length);
  return sealed;
}

/**
 * Opens what `sealAesGcm` made.
 *
 * @returns the plaintext, or undefined when it is shorter than 28 bytes, was altered, or was sealed under another key
 * @throws SesameError secret-memory-exhausted
 */
export function openAesGcm(memory: SecretMemory, key: SecretBytes, sealed: Uint8Array): SecretBytes | undefined {
  if (sealed.length < sealOverhead) return undefined;
  const decipher = createDecipheriv(algorithm, key.bytes, sealed.subarray(0, nonceLength), { authTagLength: tagLength });
  decipher.setAuthTag(sealed.subarray(-tagLength));
  const plaintext = decipher.update(sealed.subarray(nonceLength, -tagLength));
  try {
    decipher.final();
  } catch {
    // The one thing final() can find wrong here is the tag. What was decrypted is unauthenticated, and nobody sees it.
    plaintext.fill(0);
    return undefined;
  }
  return memory.take(plaintext);
}
