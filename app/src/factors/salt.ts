// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { profileFile, saltSuffix } from './profile-files.ts';

const saltLength = 16;
/** Enough to see that a file is longer than a salt, and to say by how much. */
const readLimit = 4096;

/** 16 random bytes; public. */
export function newSalt(): Buffer {
  return randomBytes(saltLength);
}

/**
 * The salt of a profile that has other files already. A lost salt is never replaced: a new one would make every key wrong.
 * @throws SesameError file-damaged
 */
export function readSalt(directory: string, profile: string): Buffer {
  const path = profileFile(directory, profile, saltSuffix);
  const salt = readBounded(path, readLimit);
  if (salt === undefined) {
    throw SesameError.of('file-damaged', { path, reason: 'it is missing although other files of the profile are there' });
  }
  if (salt.length !== saltLength) {
    throw SesameError.of('file-damaged', { path, reason: `it has ${salt.length} bytes instead of ${saltLength}` });
  }
  return salt;
}
