// SPDX-License-Identifier: MIT
import { landlockAbi, oldestLandlock, type Right, restrictAccess } from '../linux/landlock.ts';
import { forbidNewPrivileges } from '../linux/process.ts';

/** A command reads files and asks daemons; what it says goes to streams that are open already. */
const givenUp: readonly Right[] = [
  'execute',
  'writeFile',
  'truncate',
  'makeFile',
  'makeDirectory',
  'makeSocket',
  'makeFifo',
  'makeSymbolicLink',
  'makeCharacterDevice',
  'makeBlockDevice',
  'removeFile',
  'removeDirectory',
  'refer',
];

/**
 * Takes from a command what no command needs: new privileges, programs, TCP, and every file to write but the terminal. Landlock holds for the
 * thread of JavaScript alone, and is not worth a word where the kernel lacks it: a command lives for milliseconds, and the daemons say so.
 */
export function confineCommand(): void {
  forbidNewPrivileges();
  const { abi, errno } = landlockAbi();
  if (errno !== 0 || abi < oldestLandlock) return;
  restrictAccess(abi, [{ path: '/dev/tty', allow: ['writeFile'] }], { givenUp, abstractSockets: true, tcp: false });
}
