// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Regular files below a directory, as paths from it, in the order of their bytes. */
export function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)))
    .sort();
}

/** Lines that `sha256sum -c` reads, of all files below a directory. */
export function checksumLines(directory) {
  return filesBelow(directory)
    .map((path) => `${sha256(readFileSync(join(directory, path)))}  ${path}\n`)
    .join('');
}

/** Takes from modes what the umask or the file system of a build put there. */
export function plainModes(directory) {
  for (const name of ['.', ...readdirSync(directory, { recursive: true })]) {
    const path = join(directory, name);
    const status = lstatSync(path);
    if (!status.isSymbolicLink()) chmodSync(path, status.isDirectory() || (status.mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}

/**
 * Packs PARENT/NAME as a gzipped tar archive of the same bytes wherever and whenever it is made.
 * @param epoch time of every file, in s
 */
export function pack({ parent, name, epoch, archive }) {
  const options = ['--format=ustar', '--sort=name', `--mtime=@${epoch}`, '--owner=root:0', '--group=root:0', '--numeric-owner'];
  const tar = spawnSync('tar', ['-c', ...options, '-C', parent, name], {
    maxBuffer: 1 << 28,
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  if (tar.error ?? tar.status !== 0) throw new TypeError(`tar: ${tar.error?.message ?? tar.stderr}`);
  writeFileSync(archive, gzipSync(tar.stdout, { level: 9 }));
}
