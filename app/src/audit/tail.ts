// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync } from 'node:fs';
import { linesBackwards } from './lines.ts';
import { parseEntry } from './parsed-entry.ts';

/** How much is given at once, in bytes: an answer has to fit into a frame of the bus. */
const mostBytes = 98_304;

export interface TailFile {
  readonly path: string;
  /** Where to stop reading, in bytes. */
  readonly length?: number | undefined;
}

/**
 * The last lines of a log, oldest first, read from the end.
 * @param files newest first
 * @param count how many lines at most
 * @param after only entries behind this sequence number, and of these the oldest, so that a reader can go on from there
 */
export function readTail(files: readonly TailFile[], count: number, after: number | undefined): string[] {
  const lines: Buffer[] = [];
  let size = 0;
  for (const line of backwards(files)) {
    const sequence = after === undefined ? undefined : parseEntry(line)?.sequence;
    if (sequence !== undefined && after !== undefined && sequence <= after) break;
    lines.push(line);
    size += line.length;
    if (lines.length <= count && size <= mostBytes) continue;
    if (after === undefined) {
      lines.pop();
      break;
    }
    while (lines.length > count || size > mostBytes) size -= lines.shift()?.length ?? 0;
  }
  return lines.reverse().map((line) => line.toString('utf8'));
}

function* backwards(files: readonly TailFile[]): Generator<Buffer> {
  for (const { path, length } of files) {
    const descriptor = openSync(path, 'r');
    try {
      for (const { bytes, terminated } of linesBackwards(descriptor, length ?? fstatSync(descriptor).size)) {
        if (terminated) yield bytes; // one that is being written, or was cut off, is not shown
      }
    } finally {
      closeSync(descriptor);
    }
  }
}
