// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A file that is full: the log's name, a dot, and the sequence number of its last entry. */
export interface RotatedFile {
  readonly path: string;
  readonly last: number;
}

export function rotatedPath(path: string, last: number): string {
  return `${path}.${last}`;
}

/** The full files of a log, oldest first. Throws what readdir(3) throws. */
export function rotatedFiles(path: string): RotatedFile[] {
  const directory = dirname(path);
  const prefix = `${basename(path)}.`;
  return readdirSync(directory)
    .filter((name) => name.startsWith(prefix) && /^[1-9][0-9]{0,15}$/.test(name.slice(prefix.length)))
    .map((name) => ({ path: join(directory, name), last: Number(name.slice(prefix.length)) }))
    .sort((one, other) => one.last - other.last);
}
