// SPDX-License-Identifier: MIT
import { getrlimit, requireSuccess, setrlimit } from './libc.ts';

/** Resource numbers of getrlimit(2), the same on x86_64 and aarch64. */
export const Resource = { core: 4, openFiles: 7, lockedMemory: 8 } as const;
export type Resource = (typeof Resource)[keyof typeof Resource];

const infinity = 0xffff_ffff_ffff_ffffn;

/** The soft limit, in bytes or as a number of open files; Infinity when there is none. */
export function softLimit(resource: Resource): number {
  return fromKernel(readLimits(resource).readBigUInt64LE(0));
}

/**
 * Changes the soft limit, up to the hard one.
 * @returns the soft limit before
 */
export function setSoftLimit(resource: Resource, soft: number): number {
  const limits = readLimits(resource);
  const [before, hard] = [limits.readBigUInt64LE(0), limits.readBigUInt64LE(8)];
  const wanted = soft === Number.POSITIVE_INFINITY ? infinity : BigInt(soft);
  limits.writeBigUInt64LE(wanted < hard ? wanted : hard);
  const { errno } = setrlimit(resource, limits);
  requireSuccess(errno, `setrlimit ${resource}`);
  return fromKernel(before);
}

/** Sets both limits to zero. Lowering needs no privilege, and without one it cannot be raised again. */
export function forbid(resource: Resource): void {
  const { errno } = setrlimit(resource, Buffer.alloc(16));
  requireSuccess(errno, `setrlimit ${resource}`);
}

/** struct rlimit: the soft limit, then the hard one. */
function readLimits(resource: Resource): Buffer {
  const limits = Buffer.alloc(16);
  const { errno } = getrlimit(resource, limits);
  requireSuccess(errno, `getrlimit ${resource}`);
  return limits;
}

function fromKernel(limit: bigint): number {
  return limit === infinity ? Number.POSITIVE_INFINITY : Number(limit);
}
