// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { DataType, define, open } from 'ffi-rs';

const { I32, U8Array } = DataType;
open({ library: 'libc', path: '' });
const { fcntl } = define({ fcntl: { library: 'libc', retType: I32, paramsType: [I32, I32, U8Array] } });

/** fcntl(2) */
const setLock = 6;
const writeLock = 1;

/** SQLite's SHARED_FIRST and SHARED_SIZE (os.h): the bytes of a database file that each reader has a lock on. */
const readersFirst = 0x4000_0002n;
const readersSize = 510n;

/** Keeps every reader out of a database of SQLite. @returns what lets them in again */
export function lockForReaders(path: string): () => void {
  const descriptor = openSync(path, 'r+');
  const request = Buffer.alloc(32); // struct flock: l_type, l_whence, l_start, l_len, l_pid
  request.writeInt16LE(writeLock, 0);
  request.writeBigInt64LE(readersFirst, 8);
  request.writeBigInt64LE(readersSize, 16);
  assert.equal(fcntl([descriptor, setLock, request]), 0, 'nobody else holds it');
  return () => closeSync(descriptor);
}
