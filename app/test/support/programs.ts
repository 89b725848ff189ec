// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** A PATH of these programs alone, for scripts that run where a device has no others. */
export function onlyPrograms(directory: string, ...names: readonly string[]): string {
  mkdirSync(directory, { recursive: true });
  for (const name of names) {
    const { stdout } = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' });
    symlinkSync(stdout.trim(), join(directory, name));
  }
  return directory;
}
