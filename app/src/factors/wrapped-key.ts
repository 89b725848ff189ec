// SPDX-License-Identifier: MIT

import { SesameError } from '../core/errors.ts';
import { openAesGcm, sealAesGcm } from '../crypto/aead.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { type FactorFile, pieceLength } from './factor.ts';

/** Version 0x01 || 12-byte nonce || AES-256-GCM of 32 bytes (48 bytes), as upstream's password-wrap has it. */
const version = 0x01;
export const wrappedKeyLength = 1 + 12 + pieceLength + 16;

/** The file for 32 bytes under a key-encryption key. */
export function wrapKey(kek: SecretBytes, piece: SecretBytes): Buffer {
  return Buffer.concat([Buffer.of(version), sealAesGcm(kek, piece.bytes)]);
}

/** The wrapped 32 bytes, or undefined when the key-encryption key is not the one that wrapped them. */
export function unwrapKey(memory: SecretMemory, kek: SecretBytes, file: FactorFile): SecretBytes | undefined {
  return openAesGcm(memory, kek, file.bytes.subarray(1));
}

/** @throws SesameError file-damaged, file-too-new */
export function checkWrappedKey(file: FactorFile): void {
  const { path, bytes } = file;
  const found = bytes.at(0);
  if (found === undefined) throw SesameError.of('file-damaged', { path, reason: 'it is empty' });
  // The version comes first: a newer one may have another length.
  if (found > version) throw SesameError.of('file-too-new', { path, version: found, known: version });
  if (found < version) throw SesameError.of('file-damaged', { path, reason: `it has the unknown version ${found}` });
  if (bytes.length !== wrappedKeyLength) {
    const reason = `it has ${bytes.length} bytes instead of ${wrappedKeyLength}`;
    throw SesameError.of('file-damaged', { path, reason });
  }
}
