// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { printable } from '../../core/text.ts';

export type Outcome = 'pass' | 'warn' | 'fail';

/** One thing that was looked at. `id` is stable: monitoring systems select by it. */
export interface Check {
  readonly id: string;
  readonly outcome: Outcome;
  /** What was found. */
  readonly finding: string;
  /** What to do about it; absent when it passed. */
  readonly remedy?: string;
}

export function pass(id: string, finding: string): Check {
  return { id, outcome: 'pass', finding };
}

export function warn(id: string, finding: string, remedy: string): Check {
  return { id, outcome: 'warn', finding, remedy };
}

export function fail(id: string, finding: string, remedy: string): Check {
  return { id, outcome: 'fail', finding, remedy };
}

export function tally(checks: readonly Check[]): { passed: number; warned: number; failed: number } {
  const count = (outcome: Outcome) => checks.filter((check) => check.outcome === outcome).length;
  return { passed: count('pass'), warned: count('warn'), failed: count('fail') };
}

/** As the desktop system has it: 0 all pass, 1 a failure, 2 a warning. */
export function exitOf(checks: readonly Check[]): ExitCode {
  const { failed, warned } = tally(checks);
  if (failed > 0) return Exit.unexpected;
  return warned > 0 ? Exit.usage : Exit.done;
}

const colourOf = { pass: 'green', warn: 'yellow', fail: 'red' } as const;

/** A line a check, its remedy below it. */
export function formatChecks(
  checks: readonly Check[],
  paint: (text: string, colour: (typeof colourOf)[Outcome]) => string,
): string {
  const widest = Math.max(0, ...checks.map(({ id }) => id.length));
  const lines = checks.map(({ id, outcome, finding, remedy }) => {
    const line = `${paint(outcome, colourOf[outcome])}  ${id.padEnd(widest)}  ${printable(finding)}\n`;
    return remedy === undefined ? line : `${line}${' '.repeat(widest + 8)}${printable(remedy)}\n`;
  });
  const { passed, warned, failed } = tally(checks);
  return `${lines.join('')}${passed} passed, ${warned} warned, ${failed} failed\n`;
}
