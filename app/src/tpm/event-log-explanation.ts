// SPDX-License-Identifier: MIT
import type { EventLogBank } from './event-log-bank.ts';
import { differences } from './event-log-difference.ts';
import type { BootRecord } from './event-log-record.ts';
import type { PcrValues } from './pcr-selection.ts';
import { type BootPlatform, meaningOfPcr } from './platform.ts';

/** A boot as a policy sees it: PCR values, and what led to them as far as it is known. */
export interface BootState {
  readonly values: PcrValues;
  readonly record: BootRecord | undefined;
}

/** The boot that is running. */
export interface RunningBoot extends BootState {
  /** What the log leads to; another value in the TPM was made by something that the log does not have. */
  readonly logged: PcrValues | undefined;
}

/** Why the TPM refuses: one PCR that is not what it was. */
export interface PcrDifference {
  readonly pcr: number;
  /** What it measures on this platform. */
  readonly meaning: string;
  /** Lower-case hexadecimal digits. */
  readonly expected: string;
  readonly found: string;
  /** What changed, as sentences without a full stop; empty when no log says it. */
  readonly causes: readonly string[];
}

/** Compares the boot that a seal is for with this one, PCR by PCR. */
export function explainDifference(
  expected: BootState,
  found: RunningBoot,
  { platform, bank }: { readonly platform: BootPlatform; readonly bank: EventLogBank },
): PcrDifference[] {
  return [...expected.values]
    .filter(([pcr, value]) => found.values.get(pcr)?.equals(value) !== true)
    .map(([pcr, value]) => ({
      pcr,
      meaning: meaningOfPcr(platform, pcr),
      expected: value.toString('hex'),
      found: found.values.get(pcr)?.toString('hex') ?? 'none',
      causes: causesOf(pcr, expected, found, bank),
    }))
    .sort((one, other) => one.pcr - other.pcr);
}

function causesOf(pcr: number, expected: BootState, found: RunningBoot, bank: EventLogBank): string[] {
  if (expected.record?.bank !== bank || found.record?.bank !== bank) return [];
  const before = expected.record.events.filter((event) => event.pcr === pcr);
  const after = found.record.events.filter((event) => event.pcr === pcr);
  const causes = differences(before, after);
  if (!isLogged(found, pcr)) causes.push('something was measured after the firmware had ended its log');
  return causes;
}

function isLogged({ values, logged }: RunningBoot, pcr: number): boolean {
  const value = values.get(pcr);
  if (value === undefined || logged === undefined) return true;
  return logged.get(pcr)?.equals(value) ?? value.every((byte) => byte === 0);
}

/** For a log and an error message: "PCR 9 (the kernel command line and the initial RAM disk): the kernel command line changed". */
export function differenceText({ pcr, meaning, causes }: PcrDifference): string {
  return `PCR ${pcr} (${meaning})${causes.length === 0 ? '' : `: ${causes.join('; ')}`}`;
}
