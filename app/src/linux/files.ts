// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const temporaryName = /^\..+\.[0-9a-f]{12}\.tmp$/;

/**
 * Replaces a file so that a power cut at any moment leaves either the old or the new one, whole. The old file is not touched
 * before every byte of the new one is on the disk.
 * @param mode of the new file, exactly, whatever the umask
 * @throws SesameError storage-full, storage-read-only, storage-failed: nothing was changed; storage-unsynced: the file is new, but a
 *   power cut may bring the old one back
 */
export function writeDurably(path: string, bytes: Uint8Array, mode: number): void {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  attempt(path, () => {
    try {
      writeNew(temporary, bytes, mode);
      renameSync(temporary, path);
    } catch (thrown) {
      discard(temporary);
      throw thrown;
    }
  });
  syncDirectory(directory);
}

function writeNew(path: string, bytes: Uint8Array, mode: number): void {
  const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    writeAll(descriptor, bytes);
    fchmodSync(descriptor, mode);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes at the descriptor's position, as often as short writes demand it. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(descriptor, bytes, written);
}

/** Removes a temporary after a failure. What made the write fail is what gets reported, so a second failure here is not. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {
    // It stays until discardTemporaries finds it.
  }
}

/**
 * Removes what writes that were cut off left behind. Only for a directory that the caller holds the lock of.
 * @returns how many there were
 * @throws SesameError storage-read-only, storage-failed
 */
export function discardTemporaries(directory: string): number {
  return attempt(directory, () => {
    const left = readdirSync(directory).filter((name) => temporaryName.test(name));
    for (const name of left) unlinkSync(join(directory, name));
    return left.length;
  });
}

/**
 * Makes the names in a directory survive a power cut.
 * @throws SesameError storage-unsynced
 */
export function syncDirectory(path: string): void {
  try {
    const descriptor = openSync(path, O_RDONLY | O_DIRECTORY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    throw SesameError.of('storage-unsynced', { path, cause: describe(thrown) }, thrown);
  }
}

/**
 * The whole of a small file, in memory of its own that the caller can wipe with `fill(0)`.
 * @param limit in bytes
 * @returns undefined when there is no such file
 * @throws SesameError file-unreadable; file-damaged when it is longer than the limit or not a regular file
 */
export function readBounded(path: string, limit: number): Buffer | undefined {
  try {
    // A FIFO in the file's place must not make the daemon wait for a writer.
    const descriptor = openSync(path, O_RDONLY | O_NONBLOCK);
    try {
      if (!fstatSync(descriptor).isFile()) throw SesameError.of('file-damaged', { path, reason: 'it is not a regular file' });
      return readAll(descriptor, path, limit);
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    if (thrown instanceof SesameError) throw thrown;
    if (systemErrorCode(thrown) === 'ENOENT') return undefined;
    throw SesameError.of('file-unreadable', { path, cause: describe(thrown) }, thrown);
  }
}

function readAll(descriptor: number, path: string, limit: number): Buffer {
  // An ArrayBuffer of its own is never on V8's heap, where the collector would leave copies of a key behind.
  const buffer = Buffer.from(new ArrayBuffer(limit + 1));
  let length = 0;
  for (;;) {
    const read = readSync(descriptor, buffer, length, buffer.length - length, null);
    length += read;
    if (read === 0) return buffer.subarray(0, length);
    if (length > limit) {
      buffer.fill(0);
      throw SesameError.of('file-damaged', { path, reason: `it is longer than ${limit} bytes` });
    }
  }
}

/**
 * Removes a file after writing zeros over it, so that its name and, where the storage writes in place, its bytes are gone.
 * A file that is not there is removed already.
 * @throws SesameError storage-read-only, storage-failed, storage-full, storage-unsynced
 */
export function removeWiped(path: string): void {
  attempt(path, () => {
    let descriptor: number;
    try {
      descriptor = openSync(path, O_WRONLY | O_NOFOLLOW);
    } catch (thrown) {
      if (systemErrorCode(thrown) === 'ENOENT') return;
      throw thrown;
    }
    try {
      writeAll(descriptor, new Uint8Array(fstatSync(descriptor).size));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
      // Half overwritten it is of no use to anybody, so the name goes even if the disk refused the zeros.
      unlinkSync(path);
    }
  });
  syncDirectory(dirname(path));
}

/**
 * Creates a directory, and those above it, where they are missing. One that exists keeps its mode.
 * @param mode of a new directory, exactly, whatever the umask
 * @throws SesameError storage-read-only, storage-full, storage-failed, storage-unsynced
 */
export function ensureDirectory(path: string, mode: number): void {
  if (isDirectory(path)) return;
  const above = dirname(path);
  if (above !== path) ensureDirectory(above, mode);
  attempt(path, () => makeDirectory(path, mode));
  syncDirectory(above);
}

/**
 * Refuses a directory in which others than this user and root could exchange files.
 * @throws SesameError directory-foreign
 */
export function requireOwnDirectory(path: string, daemon: string): void {
  const { uid: owner, mode } = attempt(path, () => statSync(path));
  const uid = process.getuid?.() ?? 0;
  const writableByAll = 0o002;
  const foreign = owner !== uid && owner !== 0;
  if (!foreign && (mode & writableByAll) === 0) return;
  const reason = foreign ? `belongs to uid ${owner}` : 'may be written by everybody';
  throw SesameError.of('directory-foreign', { path, reason, daemon, uid });
}

function makeDirectory(path: string, mode: number): void {
  // Not Node's recursive form: on a read-only file system it answers ENOENT.
  try {
    mkdirSync(path, { mode });
  } catch (thrown) {
    // Both daemons may make the same directory at the same time.
    if (systemErrorCode(thrown) === 'EEXIST' && isDirectory(path)) return;
    throw thrown;
  }
  chmodSync(path, mode);
}

function isDirectory(path: string): boolean {
  return attempt(path, () => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

/**
 * The size of a file in bytes, or undefined when there is none.
 * @throws SesameError file-unreadable
 */
export function fileSize(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch (thrown) {
    throw SesameError.of('file-unreadable', { path, cause: describe(thrown) }, thrown);
  }
}

/** What a failed write means for the person who owns the disk. */
export function storageError(path: string, thrown: unknown): SesameError {
  if (thrown instanceof SesameError) return thrown;
  switch (systemErrorCode(thrown)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return SesameError.of('storage-full', { path }, thrown);
    case 'EROFS':
      return SesameError.of('storage-read-only', { path }, thrown);
    default:
      return SesameError.of('storage-failed', { path, cause: describe(thrown) }, thrown);
  }
}

function attempt<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (thrown) {
    throw storageError(path, thrown);
  }
}
