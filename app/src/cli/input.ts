// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { longestValue } from '../core/names.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { readFully, standardInput } from './streams.ts';

/**
 * Everything on standard input, straight into secret memory.
 * @throws SesameError value-too-long once one byte more than a secret holds has come; the rest is not read
 */
export function readValue(memory: SecretMemory): SecretBytes {
  const room = memory.allocate(longestValue + 1);
  try {
    const length = readFully(standardInput, room.bytes, room.length);
    if (length > longestValue) throw SesameError.of('value-too-long', { length: `${length} or more`, limit: longestValue });
    return copyOf(memory, room.bytes.subarray(0, length));
  } finally {
    room.release();
  }
}

/**
 * Lines from standard input, each without its newline, as bytes. Fewer when the input ends before.
 * @throws SesameError value-too-long
 */
export function readLines(memory: SecretMemory, count: number): SecretBytes[] {
  const lines: SecretBytes[] = [];
  const room = memory.allocate(longestValue + 1);
  try {
    for (let index = 0; index < count; index += 1) {
      const line = readLine(memory, room.bytes);
      if (line === undefined) break;
      lines.push(line);
    }
    return lines;
  } catch (thrown) {
    for (const line of lines) line.release();
    throw thrown;
  } finally {
    room.release();
  }
}

/** Byte by byte: what stands behind the line may belong to somebody else who reads the same input after us. */
function readLine(memory: SecretMemory, room: Buffer): SecretBytes | undefined {
  const newline = 0x0a;
  for (let length = 0; length < room.length; length += 1) {
    if (readFully(standardInput, room.subarray(length), 1) === 0)
      return length === 0 ? undefined : copyOf(memory, room.subarray(0, length));
    if (room[length] === newline) return copyOf(memory, room.subarray(0, length));
  }
  throw SesameError.of('value-too-long', { length: `${room.length} or more`, limit: longestValue });
}

function copyOf(memory: SecretMemory, bytes: Uint8Array): SecretBytes {
  if (bytes.length === 0) return memory.take(Buffer.alloc(0));
  const copy = memory.allocate(bytes.length);
  copy.bytes.set(bytes);
  return copy;
}
