// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import { assert, SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';

/** Length of a public key, a private key and a checksum, in bytes. */
export const keyLength = 32;

/** Read this far, so that a file of the wrong length is named as such. */
export const longestKeyFile = 4096;

/**
 * The bus's public key as it stands in the runtime directory, or undefined when there is none.
 * @throws SesameError key-file-damaged, file-unreadable
 */
export function readPublicKey(path: string): Buffer | undefined {
  const bytes = readBounded(path, longestKeyFile);
  if (bytes === undefined || bytes.length === keyLength) return bytes;
  throw SesameError.of('key-file-damaged', { path, reason: `it has ${bytes.length} bytes instead of ${keyLength}` });
}

/** Where the files of the bus are, below the runtime directory. */
export function busPaths(runtimeDirectory: string): {
  readonly socket: string;
  readonly publicKey: string;
  readonly keys: string;
} {
  assert(runtimeDirectory.length > 0, 'a runtime directory');
  return {
    socket: join(runtimeDirectory, 'bus.sock'),
    publicKey: join(runtimeDirectory, 'bus.pub'),
    keys: join(runtimeDirectory, 'keys'),
  };
}
