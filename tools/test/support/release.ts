// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '../../..');

/** What `npm run dist` calls this machine's architecture. */
export const ownArchitecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

export const targets = ['aarch64', 'x86_64'].flatMap((architecture) => ['glibc', 'musl'].map((libc) => ({ architecture, libc })));

export interface Target {
  readonly architecture: string;
  readonly libc: string;
}

/** Runs tools/dist.mjs of a checkout with times fixed and returns the path of the archive. */
export function makeRelease(out: string, { architecture, libc }: Target, checkout = repository): string {
  const words = ['tools/dist.mjs', '--architecture', architecture, '--libc', libc, '--out', out];
  const environment = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
  const { status, stderr } = spawnSync(process.execPath, words, { cwd: checkout, env: environment, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const archive = readdirSync(out).find((file) => file.includes(`-${architecture}-${libc}.`));
  assert.ok(archive !== undefined, `an archive for ${architecture} with ${libc}`);
  return join(out, archive);
}

/** Unpacks an archive with tar(1) below a directory and returns the one directory that was in it. */
export function unpack(archive: string, directory: string): string {
  const { status, stderr } = spawnSync('tar', ['-xzf', archive, '-C', directory], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const [name, ...more] = readdirSync(directory);
  assert.ok(name !== undefined && more.length === 0, 'one directory is in the archive');
  return join(directory, name);
}

/** Everything below a directory that is not a directory, as paths from it. */
export function pathsBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}
