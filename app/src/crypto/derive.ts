// SPDX-License-Identifier: MIT
import { blake3 } from '@noble/hashes/blake3.js';
import { unreachable } from '../core/errors.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { hkdfInto } from './hkdf.ts';
import type { Hkdf } from './suite.ts';

export { blake3Hash, blake3KeyedHash, type ChainHash, createChainHash } from './hash.ts';

/**
 * Derives a key for one purpose: BLAKE3 derive_key, or HKDF-SHA256 (RFC 5869) without salt and with the context as its info.
 *
 * @param context the purpose, see contexts.ts; hashed as UTF-8
 * @param material one secret, or several that are concatenated; neither wiped nor kept
 * @param length of the key in bytes
 * @throws SesameError secret-memory-exhausted
 */
export function deriveKey(
  memory: SecretMemory,
  hkdf: Hkdf,
  context: string,
  material: Uint8Array | readonly Uint8Array[],
  length = 32,
): SecretBytes {
  const parts = material instanceof Uint8Array ? [material] : material;
  const key = memory.allocate(length);
  try {
    deriveInto(hkdf, Buffer.from(context), parts, key.bytes);
    return key;
  } catch (thrown) {
    key.release();
    throw thrown;
  }
}

function deriveInto(hkdf: Hkdf, context: Buffer, parts: readonly Uint8Array[], output: Buffer): void {
  switch (hkdf) {
    case 'blake3': {
      const hasher = blake3.create({ context, dkLen: output.length });
      for (const part of parts) hasher.update(part);
      // digestInto also destroys the hasher, and with it the last block of the material.
      hasher.digestInto(output);
      return;
    }
    case 'hkdf-sha256':
      hkdfInto('sha256', Buffer.alloc(0), parts, context, output);
      return;
    default:
      unreachable(hkdf);
  }
}
