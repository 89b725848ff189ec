// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { readBounded, writeDurably } from '../linux/files.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';

const keyLength = 32;

/** Who vouches for the head: a key in a file beside it, which root can read, or one that the boot state has to unseal. */
export type Attestation = 'self-attested' | 'sealed';

/** The key of the head's MAC. One that a TPM unseals takes the place of the file without anything else changing. */
export interface HeadKey {
  readonly attestation: Attestation;
  readonly bytes: SecretBytes;
  /** Whether it was made just now, so that nothing can be vouched for yet. */
  readonly created: boolean;
}

/**
 * The key in a file, which is made with mode 0600 when it is missing or not 32 bytes long: a head that the old one vouched for
 * then counts as not authentic.
 * @throws SesameError file-unreadable, secret-memory-exhausted, storage-full, storage-read-only, storage-failed
 */
export function openHeadKey(memory: SecretMemory, path: string): HeadKey {
  const existing = readHeadKey(memory, path);
  if (existing !== undefined) return existing;
  const bytes = memory.allocate(keyLength);
  randomFillSync(bytes.bytes);
  writeDurably(path, bytes.bytes, 0o600);
  return { attestation: 'self-attested', bytes, created: true };
}

/**
 * @returns undefined when there is no file of 32 bytes
 * @throws SesameError file-unreadable, secret-memory-exhausted
 */
export function readHeadKey(memory: SecretMemory, path: string): HeadKey | undefined {
  const content = readWhole(path);
  if (content?.length !== keyLength) return undefined;
  return { attestation: 'self-attested', bytes: memory.take(content), created: false };
}

function readWhole(path: string): Buffer | undefined {
  try {
    return readBounded(path, keyLength);
  } catch (thrown) {
    if (thrown instanceof SesameError && thrown.code === 'file-damaged') return undefined;
    throw thrown;
  }
}
