// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { bufferOver, mmap, munmap, pageSize, pointerTo } from './libc.ts';

// mmap(2), the same on x86_64 and aarch64.
const protReadWrite = 1 | 2;
const mapPrivateAnonymous = 0x02 | 0x20;

/**
 * Memory whose address is known, for structures that point into themselves. It begins as zeros, and is wiped and unmapped after the work.
 * @param length in bytes
 * @param failed what to answer when there is no memory, given the errno
 */
export function withForeignMemory<Result>(
  length: number,
  work: (address: bigint, memory: Buffer) => Result,
  failed: (errno: number) => Result,
): Result {
  const mappedLength = Math.ceil(length / pageSize()) * pageSize();
  const mapped = mmap(0n, mappedLength, protReadWrite, mapPrivateAnonymous, -1, 0);
  if (mapped.errno !== 0) return failed(mapped.errno);
  const memory = bufferOver(pointerTo(mapped.value), mappedLength);
  try {
    return work(mapped.value, memory);
  } finally {
    memory.fill(0);
    detach(memory);
    munmap(mapped.value, mappedLength);
  }
}

/** A Buffer kept by mistake then reads as empty instead of touching memory that is gone. */
function detach(memory: Buffer): void {
  assert(memory.buffer instanceof ArrayBuffer, 'an ArrayBuffer over the mapping');
  memory.buffer.transfer();
}
