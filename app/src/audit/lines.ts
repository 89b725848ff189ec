// SPDX-License-Identifier: MIT
import { readSync } from 'node:fs';

const newline = 0x0a;
const chunkLength = 65_536;

/** The longest line that is looked at, in bytes: what is longer is no entry of anybody's. */
export const longestReadableLine = 1_048_576;

export interface Line {
  /** Without the newline. */
  readonly bytes: Buffer;
  /** Where the line begins and where the next one would, in bytes from the start of the file. */
  readonly start: number;
  readonly end: number;
  /** False for a line that lacks its newline or is too long to be looked at; such a line is the last to be given. */
  readonly terminated: boolean;
}

/**
 * The lines of a file from one place to another, first one first, in constant memory.
 * The bytes of a line are valid until the next one is asked for.
 */
export function* linesForwards(descriptor: number, start: number, end: number): Generator<Line> {
  let buffer = Buffer.alloc(chunkLength);
  let base = start; // where the first byte of the buffer stands in the file
  let filled = 0;
  while (base + filled < end && filled <= longestReadableLine) {
    if (filled === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    const read = readSync(descriptor, buffer, filled, Math.min(buffer.length - filled, end - base - filled), base + filled);
    if (read === 0) break;
    const searchFrom = filled;
    filled += read;
    let taken = 0;
    const held = buffer.subarray(0, filled);
    for (let at = held.indexOf(newline, searchFrom); at >= 0; at = held.indexOf(newline, taken)) {
      yield { bytes: held.subarray(taken, at), start: base + taken, end: base + at + 1, terminated: true };
      taken = at + 1;
    }
    buffer.copyWithin(0, taken, filled);
    base += taken;
    filled -= taken;
  }
  if (filled > 0) yield { bytes: buffer.subarray(0, filled), start: base, end: base + filled, terminated: false };
}

/** The lines of a file before a place, last one first, reading no more of the file than is asked for. */
export function* linesBackwards(descriptor: number, end: number): Generator<Line> {
  let held = Buffer.alloc(0); // the file from `base` to the end of the line that is looked for
  let base = end;
  for (;;) {
    const terminated = held.at(-1) === newline;
    const body = terminated ? held.length - 1 : held.length;
    const begin = held.subarray(0, body).lastIndexOf(newline) + 1;
    if (begin > 0 || base === 0) {
      if (held.length === 0) return;
      yield { bytes: held.subarray(begin, body), start: base + begin, end: base + held.length, terminated };
      held = held.subarray(0, begin);
    } else if (held.length > longestReadableLine) {
      yield { bytes: held, start: base, end: base + held.length, terminated: false };
      return;
    } else {
      const length = Math.min(chunkLength, base);
      const chunk = Buffer.alloc(length);
      const read = readSync(descriptor, chunk, 0, length, base - length);
      held = Buffer.concat([chunk.subarray(0, read), held]);
      base -= length;
    }
  }
}
