// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { installFilter } from '../../linux/seccomp.ts';
import { compileFilter } from '../../linux/seccomp-filter.ts';
import { knownArchitecture } from '../../linux/seccomp-numbers.ts';
import { type Circumstances, callsOf } from './system-calls.ts';

/**
 * Lets through what the daemon calls in a phase, on all threads and for good.
 * @returns 0 or the errno; ENOSYS on an architecture whose numbers are not known here
 */
export function filterCalls(circumstances: Circumstances): number {
  const architecture = knownArchitecture();
  if (architecture === undefined) return constants.errno.ENOSYS;
  return installFilter(compileFilter(callsOf(circumstances, architecture), architecture));
}
