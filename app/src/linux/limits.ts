// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { describeErrno, getrlimit, setrlimit } from './libc.ts';

/** Resource numbers of getrlimit(2), the same on x86_64 and aarch64. */
export const Resource = { core: 4, lockedMemory: 8 } as const;
export type Resource = (typeof Resource)[keyof typeof Resource];

const infinity = 0xffff_ffff_ffff_ffffn;

/** The soft limit, in bytes for both resources; Infinity when there is none. */
export function softLimit(resource: Resource): number {
  const limits = Buffer.alloc(16);
  const { errno } = getrlimit(resource, limits);
  assert(errno === 0, `getrlimit ${resource} answers: ${describeErrno(errno)}`);
  const soft = limits.readBigUInt64LE(0);
  return soft === infinity ? Number.POSITIVE_INFINITY : Number(soft);
}

/** Sets both limits to zero. Lowering needs no privilege, and without one it cannot be raised again. */
export function forbid(resource: Resource): void {
  const { errno } = setrlimit(resource, Buffer.alloc(16));
  assert(errno === 0, `setrlimit ${resource} answers: ${describeErrno(errno)}`);
}
