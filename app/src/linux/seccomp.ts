// SPDX-License-Identifier: MIT
import { withForeignMemory } from './foreign-memory.ts';
import { seccomp } from './libc.ts';

const setModeFilter = 1;
/** All threads at once, with no_new_privs. */
const synchroniseThreads = 1;

const instructionLength = 8;
/** struct sock_fprog: the number of instructions, then at offset 8 where they are. */
const headerLength = 16;

/**
 * Puts a filter before the system calls of every thread of this process and of what it becomes, for good (seccomp(2)). Needs
 * `forbidNewPrivileges` first. Filters add up: the strictest answer counts.
 * @param program of `compileFilter`
 * @returns 0 or the errno: ENOSYS or EINVAL where the kernel has no filters, EACCES without no_new_privs
 */
export function installFilter(program: Buffer): number {
  return withForeignMemory(
    headerLength + program.length,
    (address, memory) => {
      memory.writeUInt16LE(program.length / instructionLength);
      memory.writeBigUInt64LE(address + BigInt(headerLength), 8);
      program.copy(memory, headerLength);
      return seccomp(setModeFilter, synchroniseThreads, address).errno;
    },
    (errno) => errno,
  );
}
