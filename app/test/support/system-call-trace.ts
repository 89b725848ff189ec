// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Step } from './every-function.ts';

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

/** What a daemon did, by the names of system calls. */
export interface Uses {
  /** Since its first filter: what was under way when each was last made. */
  readonly confined: Readonly<Record<string, string>>;
  /** The same since its second filter, that of a daemon that is ready. */
  readonly ready: Readonly<Record<string, string>>;
  /** What a filter refused. */
  readonly refused: readonly string[];
}

/** @throws AssertionError where a daemon has not set both filters */
export function usesIn(calls: readonly TracedCall[], steps: readonly Step[]): Uses {
  const [first = Number.NaN, second = Number.NaN] = calls.flatMap((call, index) => (setsFilter(call) ? [index] : []));
  assert.ok(first < second, 'stage 0 sets a filter, and the daemon a second one');
  const lastUses = (from: number): Record<string, string> =>
    Object.fromEntries(calls.slice(from + 1).map(({ name, time }) => [name, stepAt(steps, time)]));
  const refused = calls.slice(first + 1).filter(({ rest }) => /= -1 (EPERM|ENOSYS)/.test(rest));
  return { confined: lastUses(first), ready: lastUses(second), refused: [...new Set(refused.map(({ name }) => name))] };
}

function setsFilter({ name, rest }: TracedCall): boolean {
  return name === 'seccomp' && rest.startsWith('SECCOMP_SET_MODE_FILTER');
}

function stepAt(steps: readonly Step[], time: number): string {
  return steps.findLast(({ from }) => from <= time)?.name ?? 'before';
}
