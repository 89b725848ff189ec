// SPDX-License-Identifier: MIT
import { closeSync, openSync, readSync } from 'node:fs';

const chunkBytes = 8 * 1024 * 1024;

/** How often each of the needles occurs in a file. @param needles of 8 bytes or more, or chance finds them */
export function countInFile(path: string, needles: readonly Buffer[]): number[] {
  const overlap = Math.max(...needles.map((needle) => needle.length)) - 1;
  const buffer = Buffer.alloc(chunkBytes + overlap);
  const counts = needles.map(() => 0);
  const file = openSync(path, 'r');
  try {
    let carried = 0;
    for (;;) {
      const read = readSync(file, buffer, carried, chunkBytes, null);
      if (read === 0) return counts;
      const window = buffer.subarray(0, carried + read);
      needles.forEach((needle, index) => {
        for (let at = window.indexOf(needle); at !== -1; at = window.indexOf(needle, at + 1)) {
          // What ends within the part that was carried over was counted before.
          if (at + needle.length > carried) counts[index] = (counts[index] ?? 0) + 1;
        }
      });
      carried = Math.min(overlap, window.length);
      window.copy(buffer, 0, window.length - carried);
    }
  } finally {
    closeSync(file);
  }
}
