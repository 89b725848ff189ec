// SPDX-License-Identifier: MIT
import { closeSync, constants, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { SesameError } from '../core/errors.ts';
import { storageError } from './files.ts';
import { describeErrno, flock } from './libc.ts';

// flock(2)
const lockExclusive = 2;
const lockNonBlocking = 4;

export interface DirectoryLock {
  /** The lock file stays, so that nobody can hold a lock on a file that is no longer there. Calling it again does nothing. */
  release(): void;
}

/**
 * Makes sure that one process at a time works in a directory. The kernel gives the lock back when the process dies, however it dies.
 * @param daemonName for the message to whoever comes second
 * @throws SesameError already-running, storage-read-only, storage-failed
 */
export function lockDirectory(path: string, daemonName: string): DirectoryLock {
  let descriptor: number | undefined = openLockFile(join(path, '.lock'));
  const { errno } = flock(descriptor, lockExclusive | lockNonBlocking);
  if (errno !== 0) {
    closeSync(descriptor);
    if (errno === osConstants.errno.EWOULDBLOCK) throw SesameError.of('already-running', { daemon: daemonName, where: path });
    throw SesameError.of('storage-failed', { path: join(path, '.lock'), cause: describeErrno(errno) });
  }
  return {
    release() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}

function openLockFile(path: string): number {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (thrown) {
    throw storageError(path, thrown);
  }
}
