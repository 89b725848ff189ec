// SPDX-License-Identifier: MIT
import { readdirSync, readFileSync } from 'node:fs';
import { systemErrorCode } from '../../core/errors.ts';

export const mechanisms = ['landlock', 'seccomp'] as const;
export type Mechanism = (typeof mechanisms)[number];

/** Whether a part of the sandbox holds, and why not. */
export interface Enforcement {
  readonly state: 'enforced' | 'missing' | 'off';
  /** Version of Landlock. */
  readonly abi?: number;
  readonly cause?: string;
  readonly remedy?: string;
}

export type SandboxReport = Readonly<Record<Mechanism, Enforcement>>;

export const switchedOff: SandboxReport = { landlock: { state: 'off' }, seccomp: { state: 'off' } };

/** As stage 0 hands it to stage 1. */
export function serialiseReport(report: SandboxReport): string {
  return JSON.stringify(report);
}

/**
 * What holds in this process. What stage 0 claims is believed as far as the kernel confirms it: whoever starts a daemon without stage 0 may
 * set the variable too.
 * @param claimed value of the variable, if any
 * @param wanted whether the configuration wants a sandbox
 */
export function confirmReport(claimed: string | undefined, wanted: boolean, program: string): SandboxReport {
  const absent: Enforcement = wanted
    ? { state: 'missing', cause: 'it was started without its sandbox', remedy: `start it as bin/${program}` }
    : { state: 'off' };
  const { landlock = absent, seccomp = absent } = parseReport(claimed);
  return {
    landlock: landlock.state === 'enforced' && !isRestricted() ? absent : landlock,
    seccomp: seccomp.state === 'enforced' && !isFiltered() ? absent : seccomp,
  };
}

/** Nothing of what is not a report: then there is none. */
function parseReport(claimed: string | undefined): Partial<SandboxReport> {
  const parsed = parseJson(claimed ?? '');
  if (typeof parsed !== 'object' || parsed === null) return {};
  const entries = Object.entries(parsed).filter((entry): entry is [Mechanism, Enforcement] => isEnforcement(entry[1]));
  return Object.fromEntries(entries);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever wrote it, it was not stage 0.
    return undefined;
  }
}

function isEnforcement(value: unknown): value is Enforcement {
  return typeof value === 'object' && value !== null && 'state' in value;
}

/** No rule names the root directory, so that listing it is refused where Landlock holds. */
function isRestricted(): boolean {
  try {
    readdirSync('/');
    return false;
  } catch (thrown) {
    return systemErrorCode(thrown) === 'EACCES';
  }
}

/** proc_pid_status(5): mode 2 is a filter. */
function isFiltered(): boolean {
  return /^Seccomp:\s*2$/m.test(readFileSync('/proc/self/status', 'utf8'));
}
