// SPDX-License-Identifier: MIT
import { accessSync, constants, statfsSync } from 'node:fs';
import type { Paths } from '../../config/paths.ts';
import { describe, systemErrorCode } from '../../core/errors.ts';
import { type Check, fail, pass, warn } from './check.ts';

const mebibyte = 1024 * 1024;
/** One write needs a few pages of vault, log and audit. */
const tooLittle = mebibyte;
const little = 16 * mebibyte;

/** Room and writability of the state directory. */
export function examineStorage({ state }: Paths): Check[] {
  return [examineSpace(state), examineWritable(state)];
}

function examineSpace(state: string): Check {
  const id = 'free-space';
  try {
    const { bavail, bsize, ffree, files } = statfsSync(state);
    const free = bavail * bsize;
    const text = `${Math.floor(free / mebibyte)} MiB free for ${state}`;
    if (files > 0 && ffree === 0) return fail(id, `no inode is free for ${state}`, 'remove files: nothing can be stored');
    if (free < tooLittle) return fail(id, text, 'free some space: nothing can be stored');
    if (free < little) return warn(id, text, 'free some space before nothing can be stored');
    return pass(id, text);
  } catch (thrown) {
    return unseen(id, state, thrown);
  }
}

function examineWritable(state: string): Check {
  const id = 'writable';
  try {
    accessSync(state, constants.W_OK);
    return pass(id, `${state} is writable`);
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'EROFS')
      return fail(id, `${state} is on a read-only file system`, 'mount it writable: nothing can be stored');
    // Only the daemons need to write there; this user is somebody else on a device.
    if (systemErrorCode(thrown) === 'EACCES') return pass(id, `${state} is not on a read-only file system`);
    return unseen(id, state, thrown);
  }
}

function unseen(id: string, path: string, thrown: unknown): Check {
  const missing = systemErrorCode(thrown) === 'ENOENT';
  if (missing) return fail(id, `${path} does not exist`, 'start daemon-profile, which makes it, or create it');
  return warn(id, `${path} cannot be looked at: ${describe(thrown)}`, 'run this as root to see it');
}
