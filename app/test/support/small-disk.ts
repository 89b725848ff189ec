// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, small enough to fill: a tmpfs. Mounting needs root. */
export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), 'open-sesame-disk-'));

  constructor(kilobytes: number) {
    mount(['-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=700`, 'tmpfs', this.path]);
  }

  makeReadOnly(): void {
    mount(['-o', 'remount,ro', this.path]);
  }

  remove(): void {
    run('umount', ['--lazy', this.path]);
    rmdirSync(this.path);
  }
}

/** Why tests with a small disk cannot run here, or false. */
export const smallDiskMissing: string | false = probe();

function probe(): string | false {
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root';
  try {
    new SmallDisk(64).remove();
    return false;
  } catch (thrown) {
    return `a small disk cannot be mounted: ${String(thrown)}`;
  }
}

function mount(words: string[]): void {
  run('mount', words);
}

function run(program: string, words: string[]): void {
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${stderr.trim()}`);
}
