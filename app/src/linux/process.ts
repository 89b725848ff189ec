// SPDX-License-Identifier: MIT
import { prctl, requireSuccess } from './libc.ts';
import { forbid, Resource, softLimit } from './limits.ts';

const prGetDumpable = 3;
const prSetDumpable = 4;
const prSetNoNewPrivileges = 38;

/** How this process is closed to others, for `status`. */
export interface Hardening {
  /** False: no core dump, no ptrace(2) and no /proc/PID/mem for other processes of the same user. */
  readonly dumpable: boolean;
  /** RLIMIT_CORE in bytes. */
  readonly coreLimit: number;
  /** RLIMIT_MEMLOCK in bytes; Infinity when there is none. */
  readonly lockLimit: number;
  readonly umask: number;
}

/**
 * Closes this process to others of the same user: no core dumps, not dumpable and therefore not traceable (prctl(2),
 * PR_SET_DUMPABLE), new files for the owner only. To be called again after an exec, which makes a process dumpable anew.
 */
export function hardenProcess(): Hardening {
  forbid(Resource.core);
  denyTracing();
  process.umask(0o077);
  return hardening();
}

/**
 * Only the part of `hardenProcess` that another program in this process's place does not inherit: no ptrace(2), no core dump. Afterwards
 * /proc/self/environ is closed to anybody but root.
 */
export function denyTracing(): void {
  const { errno } = prctl(prSetDumpable, 0);
  requireSuccess(errno, 'PR_SET_DUMPABLE');
}

/** No program that this process becomes gets rights that it has not (prctl(2), PR_SET_NO_NEW_PRIVS); for good. */
export function forbidNewPrivileges(): void {
  const { errno } = prctl(prSetNoNewPrivileges, 1);
  requireSuccess(errno, 'PR_SET_NO_NEW_PRIVS');
}

/** How closed this process is now. */
export function hardening(): Hardening {
  return { dumpable: isDumpable(), coreLimit: softLimit(Resource.core), lockLimit: lockLimit(), umask: process.umask() };
}

/** Whether other processes of the same user may trace this one (prctl(2), PR_GET_DUMPABLE). */
export function isDumpable(): boolean {
  return prctl(prGetDumpable, 0).value !== 0;
}

/**
 * RLIMIT_MEMLOCK in bytes; Infinity when there is none. Kernel 6.18 counts mlock and memfd_secret per process; other uses of locked
 * memory, and perhaps other kernels, count per user.
 */
export function lockLimit(): number {
  return softLimit(Resource.lockedMemory);
}
