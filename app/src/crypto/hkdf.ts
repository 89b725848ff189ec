// SPDX-License-Identifier: MIT
import { createHmac } from 'node:crypto';

/** Hashes of 32 bytes, by OpenSSL's names. */
export type HmacHash = 'sha256' | 'blake2s256';

/**
 * HKDF, extract and expand (RFC 5869), written into `output`. Without info it is also Noise's HKDF (rev 34, section 4.3).
 * It is made of HMAC because `crypto.hkdf` keeps the material in a KeyObject until the collector comes by.
 *
 * @param salt empty for none; it may overlap `output`, being read before anything is written
 * @param material parts of the input keying material, concatenated
 * @param output at most 255 × 32 bytes; filled
 */
export function hkdfInto(
  hash: HmacHash,
  salt: Uint8Array,
  material: readonly Uint8Array[],
  info: Uint8Array,
  output: Uint8Array,
): void {
  const pseudorandomKey = hmac(hash, salt, material);
  let block = Buffer.alloc(0);
  try {
    for (let offset = 0, counter = 1; offset < output.length; offset += block.length, counter++) {
      const next = hmac(hash, pseudorandomKey, [block, info, Buffer.of(counter)]);
      block.fill(0);
      block = next;
      output.set(block.subarray(0, output.length - offset), offset);
    }
  } finally {
    pseudorandomKey.fill(0);
    block.fill(0);
  }
}

function hmac(hash: HmacHash, key: Uint8Array, parts: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const mac = createHmac(hash, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
