// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type EventLog, eventLogPath, readEventLog } from './event-log.ts';
import { type BootRecord, recordBoot } from './event-log-record.ts';
import { replay } from './event-log-replay.ts';
import type { PcrSelection, PcrValues } from './pcr-selection.ts';
import { type BootPlatform, platformOf } from './platform.ts';

const commandLinePath = '/proc/cmdline';
const commandLineLimit = 4096;

export interface BootPaths {
  readonly eventLog: string;
  readonly commandLine: string;
}

const kernelPaths: BootPaths = { eventLog: eventLogPath, commandLine: commandLinePath };

/** What this machine says of its own boot. It explains PCR values and decides nothing. */
export interface ObservedBoot {
  readonly platform: BootPlatform;
  readonly record: BootRecord | undefined;
  /** The values that the log leads to. */
  readonly logged: PcrValues | undefined;
  /** Why there is no log although there may be one. */
  readonly problem: string | undefined;
}

/** Looks at the event log and the command line, neither of which need be there. @param values of the PCRs now */
export function observeBoot({ bank, pcrs }: PcrSelection, values: PcrValues, paths = kernelPaths): ObservedBoot {
  const { log, problem } = attemptToRead(paths.eventLog);
  const anyPcrSet = [...values.values()].some((value) => value.some((byte) => byte !== 0));
  return {
    platform: platformOf(log, anyPcrSet),
    record: log && recordBoot(log, bank, new Set(pcrs), readCommandLine(paths.commandLine)),
    logged: log && replay(log.events, bank),
    problem,
  };
}

function attemptToRead(path: string): { log: EventLog | undefined; problem: string | undefined } {
  try {
    return { log: readEventLog(path), problem: undefined };
  } catch (thrown) {
    if (thrown instanceof SesameError) return { log: undefined, problem: thrown.message };
    throw thrown;
  }
}

/** Of the running kernel. @throws SesameError file-unreadable, file-damaged */
export function readCommandLine(path = commandLinePath): string {
  return (readBounded(path, commandLineLimit)?.toString('utf8') ?? '').trimEnd();
}
