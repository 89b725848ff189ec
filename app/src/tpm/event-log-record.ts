// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { EventLog, MeasuredEvent } from './event-log.ts';
import { type EventLogBank, eventLogBankNames, eventLogBanks, measurement } from './event-log-bank.ts';
import { describeEvent, type EventDescription } from './event-log-description.ts';
import { EventTag, EventType, eventTagOf } from './event-log-types.ts';

/** What is kept of an event of a boot that was approved, so that a later boot can be compared with it. */
export interface RecordedEvent extends EventDescription {
  readonly pcr: number;
  readonly type: number;
  readonly digest: Buffer;
}

/** The events of one boot that led to the PCRs of a policy. It explains and decides nothing: who changes it changes an explanation. */
export interface BootRecord {
  readonly bank: EventLogBank;
  readonly events: readonly RecordedEvent[];
}

/** Longest serialised record, in bytes. */
export const bootRecordLimit = 64 * 1024;

const version = 1;
const longestText = 2048;
const longestDetail = 160;
const eventLimit = 1024;

/**
 * @param pcrs of the policy
 * @param commandLine of the running kernel, as in /proc/cmdline; noted with its event when the event is a measurement of it
 */
export function recordBoot(log: EventLog, bank: EventLogBank, pcrs: ReadonlySet<number>, commandLine?: string): BootRecord {
  const events = log.events.flatMap((event): RecordedEvent[] => {
    const digest = event.digests.get(bank);
    if (digest === undefined || event.type === EventType.noAction || !pcrs.has(event.pcr)) return [];
    return [{ pcr: event.pcr, type: event.type, digest, ...describe(event, digest, bank, commandLine) }];
  });
  return { bank, events };
}

function describe(event: MeasuredEvent, digest: Buffer, bank: EventLogBank, commandLine: string | undefined): EventDescription {
  const { subject, detail } = describeEvent(event);
  if (commandLine !== undefined && eventTagOf(event) === EventTag.linuxLoadOptions) {
    const known = measurement(bank, loadOptions(commandLine)).equals(digest);
    return { subject, detail: known ? shortened(commandLine, longestText) : '' };
  }
  return { subject: shortened(subject, longestDetail), detail: shortened(detail, longestDetail) };
}

/** As UEFI hands a command line to Linux's EFI stub, which measures it whole: UTF-16LE with its terminator. */
export function loadOptions(commandLine: string): Buffer {
  return Buffer.from(`${commandLine}\0`, 'utf16le');
}

/**
 * @param limit in bytes
 * @returns undefined when even without details it is longer
 */
export function serialiseBootRecord(record: BootRecord, limit = bootRecordLimit): Buffer | undefined {
  for (const detailed of [true, false]) {
    const events = record.events.map(({ pcr, type, digest, subject, detail }) => [
      ...[pcr, type, digest.toString('hex'), subject],
      detailed ? detail : '',
    ]);
    const bytes = Buffer.from(JSON.stringify({ version, bank: record.bank, events }));
    if (bytes.length <= limit && events.length <= eventLimit) return bytes;
  }
  return undefined;
}

/** @throws SesameError file-damaged, file-too-new */
export function parseBootRecord(path: string, bytes: Buffer): BootRecord {
  const damaged = (reason: string) => SesameError.of('file-damaged', { path, reason });
  const content = parsedJson(bytes);
  if (typeof content !== 'object' || content === null) throw damaged('it is not a JSON object');
  if (!('version' in content) || typeof content.version !== 'number') throw damaged('it has no version');
  if (content.version !== version) {
    throw SesameError.of('file-too-new', { path, version: content.version, known: version });
  }
  const bank = 'bank' in content ? eventLogBankNames.find((name) => name === content.bank) : undefined;
  if (bank === undefined) throw damaged('it has no bank');
  if (!('events' in content) || !Array.isArray(content.events) || content.events.length > eventLimit) {
    throw damaged('it has no list of events');
  }
  const events = content.events.map((item: unknown) => parsedEvent(item, bank));
  if (!events.every((event) => event !== undefined)) throw damaged('an event in it is malformed');
  return { bank, events };
}

function parsedJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function parsedEvent(item: unknown, bank: EventLogBank): RecordedEvent | undefined {
  if (!Array.isArray(item) || item.length !== 5) return undefined;
  const [pcr, type, hex, subject, detail]: unknown[] = item;
  if (typeof pcr !== 'number' || !Number.isInteger(pcr) || pcr < 0 || pcr > 23) return undefined;
  if (typeof type !== 'number' || !Number.isInteger(type) || type < 0 || type > 0xffff_ffff) return undefined;
  if (typeof hex !== 'string' || !/^[0-9a-f]*$/.test(hex) || hex.length !== eventLogBanks[bank].size * 2) return undefined;
  if (typeof subject !== 'string' || typeof detail !== 'string') return undefined;
  if (subject.length > longestText || detail.length > longestText) return undefined;
  return { pcr, type, digest: Buffer.from(hex, 'hex'), subject, detail };
}

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}
