// SPDX-License-Identifier: MIT

import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../core/clock.ts';
import { systemErrorCode } from '../../core/errors.ts';
import { isReadable } from '../libc.ts';

/** The waits between two looks grow from 1 ms to this: no command of a real chip is faster, and 100 looks a second cost nothing. */
const longestWaitMs = 10;

/**
 * Waits for the answer to a command on its descriptor, without a thread: the pool has one for everybody, and a chip may take 11 s.
 * @param descriptor undefined where there is nothing to look at: then the library waits itself, and everybody else with it
 * @returns false when it did not come in time
 */
export async function answerArrives(descriptor: number | undefined, limitMs: number): Promise<boolean> {
  if (descriptor === undefined) return true;
  const deadline = monotonicMs() + limitMs;
  for (let waitMs = 1; !isReadable(descriptor); waitMs = Math.min(longestWaitMs, waitMs + 1)) {
    if (monotonicMs() > deadline) return false;
    await sleep(waitMs);
  }
  return true;
}

/** The sockets of this process, by descriptor and inode. */
export type Sockets = ReadonlyMap<number, string>;

export function openSockets(): Sockets {
  const sockets = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    const target = descriptorTarget(name);
    if (target?.startsWith('socket:')) sockets.set(Number(name), target);
  }
  return sockets;
}

/** The transports to emulators open a socket for each command and do not tell which: it is the one that was not there before. */
export function newSocket(before: Sockets): number | undefined {
  for (const [descriptor, target] of openSockets()) if (before.get(descriptor) !== target) return descriptor;
  return undefined;
}

/** @returns undefined for the descriptor that read the directory, which is closed by now */
function descriptorTarget(name: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}
