// SPDX-License-Identifier: MIT
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { runProgram } from './program.ts';

const sizeBytes = 64 * 1024 * 1024;

/** A new, empty data partition: ext4, its identity fixed only by chance, as a freshly flashed card has it. */
export async function makeDataPartition(path: string, size = sizeBytes): Promise<void> {
  const file = openSync(path, 'wx', 0o600);
  ftruncateSync(file, size);
  closeSync(file);
  await runProgram('mke2fs', ['-q', '-t', 'ext4', '-L', 'data', '-m', '0', '-E', 'lazy_itable_init=0,lazy_journal_init=0', path]);
}
