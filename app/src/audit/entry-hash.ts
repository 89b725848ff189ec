// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync } from 'node:fs';
import { chainHashes } from './chain.ts';
import { linesBackwards } from './lines.ts';
import { parseEntry } from './parsed-entry.ts';
import type { TailFile } from './tail.ts';

/** A file of a log, with the number of its last entry. */
export interface NumberedFile extends TailFile {
  readonly last: number;
}

/**
 * BLAKE3 of the line of an entry in hexadecimal, read from the end of its file.
 * @param files oldest first
 * @param sequence 0 for none
 * @returns empty where the chain leaves that number out, undefined where it begins behind it
 */
export function entryHash(files: readonly NumberedFile[], sequence: number): string | undefined {
  if (sequence === 0) return undefined;
  const file = files.find(({ last }) => sequence <= last);
  if (file === undefined) return '';
  const descriptor = openSync(file.path, 'r');
  try {
    for (const { bytes } of linesBackwards(descriptor, file.length ?? fstatSync(descriptor).size)) {
      const found = parseEntry(bytes)?.sequence;
      if (found === sequence) return chainHashes.blake3(bytes);
      if (found !== undefined && found < sequence) return '';
    }
  } finally {
    closeSync(descriptor);
  }
  return file === files[0] ? undefined : '';
}
