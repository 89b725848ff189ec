// SPDX-License-Identifier: MIT
import { readSync, writeSync } from 'node:fs';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { printable } from '../core/text.ts';

// Descriptors are used directly: process.stdout and process.stdin would switch the descriptor, which we share with the rest of a
// pipeline, to non-blocking, copy what passes through them, and lose what is still queued at the exit.
export const standardInput = 0;
export const standardOutput = 1;
export const standardError = 2;

/** Nobody reads our output any more, as in `sesame secret list | head -1`: a quiet end, not an error. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/**
 * Writes every byte, however many calls that takes.
 * @throws OutputClosed when the reader is gone
 * @throws SesameError storage-failed
 */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written, bytes.length - written);
    } catch (thrown) {
      if (isBusy(thrown)) pause();
      else throw outputError(thrown);
    }
  }
}

/** A result, as text. */
export function print(text: string): void {
  writeAll(standardOutput, Buffer.from(text, 'utf8'));
}

/** A result, as one JSON value on one line. */
export function printJson(value: unknown): void {
  print(`${JSON.stringify(value)}\n`);
}

/** Everything that is not a result: one line on standard error, `sesame: …`. */
export function say(message: string): void {
  try {
    writeAll(standardError, Buffer.from(`sesame: ${printable(message)}\n`, 'utf8'));
  } catch (thrown) {
    // Without standard error there is nowhere left to complain; the exit code still tells.
    if (!(thrown instanceof OutputClosed) && !(thrown instanceof SesameError)) throw thrown;
  }
}

/**
 * Reads up to `length` bytes into `target` and returns how many came; fewer only at the end of the input.
 * @throws SesameError file-unreadable
 */
export function readFully(descriptor: number, target: Uint8Array, length: number): number {
  let filled = 0;
  while (filled < length) {
    const count = readSome(descriptor, target, filled, length - filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/**
 * One read(2), waiting for input; 0 at its end.
 * @throws SesameError file-unreadable
 */
export function readSome(descriptor: number, target: Uint8Array, offset: number, length: number): number {
  for (;;) {
    try {
      return readSync(descriptor, target, offset, length, null);
    } catch (thrown) {
      if (systemErrorCode(thrown) === 'EOF') return 0;
      if (!isBusy(thrown)) throw SesameError.of('file-unreadable', { path: 'standard input', cause: describe(thrown) }, thrown);
      pause();
    }
  }
}

function isBusy(thrown: unknown): boolean {
  const code = systemErrorCode(thrown);
  return code === 'EAGAIN' || code === 'EINTR';
}

/** Another process of the pipeline made the descriptor non-blocking, and synchronous code cannot poll. */
function pause(): void {
  const pauseMs = 5;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
}

function outputError(thrown: unknown): Error {
  if (systemErrorCode(thrown) === 'EPIPE') return new OutputClosed('the reader of the output is gone', { cause: thrown });
  return SesameError.of('storage-failed', { path: 'standard output', cause: describe(thrown) }, thrown);
}
