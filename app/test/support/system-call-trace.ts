// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

/** A system call as strace(1) saw it. */
export interface TracedCall {
  /** Unix time in seconds. */
  readonly time: number;
  readonly name: string;
  /** Its arguments and what came of it, as far as they stand on the line. */
  readonly rest: string;
}

/**
 * Programs that record the system calls of the next one and of all its threads. The recorder is a grandchild, so that the program keeps its
 * parent and its process id.
 */
export function recorder(path: string): string[] {
  return ['strace', '-D', '-f', '-qq', '-ttt', '-s', '0', '-o', path];
}

/** What was recorded, in its order. */
export function readTrace(path: string): TracedCall[] {
  return readFileSync(path, 'latin1')
    .split('\n')
    .flatMap((line) => {
      const [, time = '', name = '', rest = ''] = /^\d+ +(\d+\.\d+) ([a-z_0-9]+)\((.*)$/.exec(line) ?? [];
      return name === '' ? [] : [{ time: Number(time), name, rest }];
    });
}
