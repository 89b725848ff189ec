// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { SesameError } from '../core/errors.ts';
import {
  bufferOver,
  close,
  describeErrno,
  ftruncate,
  madvise,
  memfdSecret,
  mlock,
  mmap,
  mprotect,
  munmap,
  type Outcome,
  type Pointer,
  pageSize,
  pointerTo,
  readInto,
  requireSuccess,
} from '../linux/libc.ts';
import type { Protection } from './secret-bytes.ts';

// mmap(2) and madvise(2), the same on x86_64 and aarch64.
const protNone = 0;
const protReadWrite = 1 | 2;
const mapShared = 0x01;
const mapPrivate = 0x02;
const mapFixed = 0x10;
const mapAnonymous = 0x20;
const madvDontFork = 10;
const madvDontDump = 16;
const madvWipeOnFork = 18;

const { EAGAIN, EFAULT, ENOMEM, EPERM } = constants.errno;
const limitErrnos: readonly number[] = [EAGAIN, EFAULT, ENOMEM, EPERM];

/** The size of a page in bytes. */
export const pageBytes = pageSize();

/**
 * Whole pages that hold secrets, with an inaccessible page on either side: running over the end kills the process instead of
 * reading on. Every page is present before anybody gets to see it, so that no touch can hit a limit (that would be SIGBUS).
 */
export class GuardedMapping {
  readonly pages: number;
  /** The address of the first byte. */
  readonly start: bigint;
  readonly #pointer: Pointer;

  private constructor(start: bigint, pages: number) {
    this.start = start;
    this.#pointer = pointerTo(start);
    this.pages = pages;
  }

  /**
   * @param zeros a descriptor of /dev/zero
   * @returns undefined when the limit of locked memory leaves no room; nothing is left mapped then
   * @throws SesameError secret-memory-failed
   */
  static create(protection: Protection, pages: number, zeros: number): GuardedMapping | undefined {
    const reserved = mmap(0n, (pages + 2) * pageBytes, protNone, mapPrivate | mapAnonymous, -1, 0);
    if (reserved.errno !== 0) throw failed('mmap', reserved.errno);
    const start = reserved.value + BigInt(pageBytes);
    const length = pages * pageBytes;
    try {
      const possible = protection === 'memfd_secret' ? mapSecret(start, length, zeros) : mapLocked(start, length);
      if (possible) return new GuardedMapping(start, pages);
    } catch (thrown) {
      unmap(start, pages);
      throw thrown;
    }
    unmap(start, pages);
    return undefined;
  }

  /** A new Buffer that is the pages themselves. At most one may exist at a time; detach it before asking for the next. */
  open(): Buffer {
    return bufferOver(this.#pointer, this.pages * pageBytes);
  }

  /** Gives the pages back to the kernel. Every Buffer over them must be detached. */
  unmap(): void {
    unmap(this.start, this.pages);
  }
}

function unmap(start: bigint, pages: number): void {
  const { errno } = munmap(start - BigInt(pageBytes), (pages + 2) * pageBytes);
  requireSuccess(errno, 'munmap');
}

/** @returns false when the limit leaves no room */
function mapSecret(start: bigint, length: number, zeros: number): boolean {
  const descriptor = need('memfd_secret', memfdSecret());
  try {
    need('ftruncate', ftruncate(descriptor, length));
    const mapped = mmap(start, length, protReadWrite, mapShared | mapFixed, descriptor, 0);
    if (isLimit(mapped.errno)) return false;
    if (mapped.errno !== 0) throw failed('mmap', mapped.errno);
  } finally {
    close(descriptor);
  }
  // The mapping is shared, so without this a forked child would see every later secret.
  need('madvise', madvise(start, length, madvDontFork));
  return populate(start, length, zeros);
}

/** Some kernels count secret pages when they are first touched. Here the kernel touches them, and answers instead of killing. */
function populate(start: bigint, length: number, zeros: number): boolean {
  let done = 0;
  while (done < length) {
    const { value, errno } = readInto(zeros, start + BigInt(done), length - done);
    if (isLimit(errno)) return false;
    if (errno !== 0) throw failed('read', errno);
    done += value;
  }
  return true;
}

/** @returns false when the limit leaves no room */
function mapLocked(start: bigint, length: number): boolean {
  need('mprotect', mprotect(start, length, protReadWrite));
  need('madvise', madvise(start, length, madvDontDump));
  need('madvise', madvise(start, length, madvWipeOnFork));
  const { errno } = mlock(start, length);
  if (isLimit(errno)) return false;
  if (errno !== 0) throw failed('mlock', errno);
  return true;
}

function isLimit(errno: number): boolean {
  return limitErrnos.includes(errno);
}

function need(call: string, outcome: Outcome): number {
  if (outcome.errno !== 0) throw failed(call, outcome.errno);
  return outcome.value;
}

function failed(call: string, errno: number): SesameError {
  return SesameError.of('secret-memory-failed', { cause: `${call} answers ${describeErrno(errno)}` });
}
