// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { blake3 } from '@noble/hashes/blake3.js';
import { assert } from '../core/errors.ts';

/** Length in bytes of every hash and checksum here. */
export const hashLength = 32;

/** BLAKE3 of public data, 32 bytes. */
export function blake3Hash(data: Uint8Array): Buffer {
  return blake3Into(blake3.create(), data);
}

/**
 * BLAKE3 keyed_hash, 32 bytes, for checksums under a **public** key only (key files: key = public key, data = private key).
 * The implementation leaves copies of the key behind; the data it hashes leaves none.
 *
 * @param key 32 bytes that are no secret
 */
export function blake3KeyedHash(key: Uint8Array, data: Uint8Array): Buffer {
  assert(key.length === hashLength, 'a key of keyed_hash has 32 bytes');
  return blake3Into(blake3.create({ key }), data);
}

export type ChainHash = 'blake3' | 'sha256';

/** The hash that links the lines of an audit file, as a function from bytes to 64 lower-case hexadecimal digits. */
export function createChainHash(algorithm: ChainHash): (bytes: Uint8Array) => string {
  if (algorithm === 'blake3') return (bytes) => blake3Hash(bytes).toString('hex');
  return (bytes) => createHash('sha256').update(bytes).digest('hex');
}

function blake3Into(hasher: ReturnType<typeof blake3.create>, data: Uint8Array): Buffer {
  const digest = Buffer.alloc(hashLength);
  // digestInto also destroys the hasher, and with it the last block of the data.
  hasher.update(data).digestInto(digest);
  return digest;
}
