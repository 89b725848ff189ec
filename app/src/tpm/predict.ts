// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { EventLog, MeasuredEvent } from './event-log.ts';
import { type EventLogBank, measurement } from './event-log-bank.ts';
import { loadOptions } from './event-log-record.ts';
import { eventText } from './event-log-text.ts';
import { EventTag, EventType, eventTagOf } from './event-log-types.ts';
import { EfiImage, measureFile } from './predict-image.ts';
import { UnifiedKernel } from './predict-uki.ts';

/** What a future boot will differ in from the one that is running. What is not named stays as it is. */
export interface PlannedBoot {
  /** File of the kernel, or of a unified kernel image. */
  readonly kernel?: string;
  readonly kernelIsUki?: boolean;
  /** As /proc/cmdline will show it. */
  readonly commandLine?: string;
  /** File of the initial RAM disk; `none` when there will be none any more. */
  readonly initrd?: string;
}

/** The boot that the prediction starts from. */
export interface RunningLog {
  readonly log: EventLog;
  readonly bank: EventLogBank;
  /** Of the running kernel, as in /proc/cmdline. */
  readonly commandLine: string;
}

/** Stands for an initial RAM disk that will not be there. */
export const noInitrd = 'none';

/** The measurements of one boot in whatever way this platform makes them. */
interface Measurer {
  isKernel(event: MeasuredEvent): boolean;
  measureKernel(path: string): Buffer;
  isCommandLine(event: MeasuredEvent): boolean;
  encodeCommandLine(commandLine: string): Buffer;
  isInitrd(event: MeasuredEvent): boolean;
  /** Whether the event stays, with nothing in it, when there is none. */
  readonly measuresMissingInitrd: boolean;
  /** Of the event that a first initial RAM disk will add. */
  readonly initrdEvent: Pick<MeasuredEvent, 'pcr' | 'type' | 'data'>;
}

/**
 * The event log of a future boot: this boot's, with the events of what will change measured anew.
 * @throws SesameError boot-unpredictable when this boot does not measure such a thing, or in a way that is not known; boot-file-unusable
 */
export function predictLog(running: RunningLog, plan: PlannedBoot): EventLog {
  const { bank } = running;
  const measurer = measurerOf(running);
  const { kernel, kernelIsUki = false, commandLine, initrd } = plan;
  let { events } = running.log;
  if (kernel !== undefined && kernelIsUki)
    events = withUnifiedKernel(events, running, measurer, UnifiedKernel.read(kernel), plan);
  else if (kernel !== undefined) events = withKernel(events, running, measurer, kernel);
  if (commandLine !== undefined) events = withCommandLine(events, running, measurer, commandLine);
  if (initrd !== undefined)
    events = withInitrd(events, bank, measurer, initrd === noInitrd ? undefined : measureFile(initrd, bank));
  return { banks: [bank], events };
}

/** The kernel inside measures its command line and initial RAM disk as any other does, as far as it measures them at all. */
function withUnifiedKernel(
  present: readonly MeasuredEvent[],
  running: RunningLog,
  measurer: Measurer,
  unified: UnifiedKernel,
  { commandLine, initrd }: PlannedBoot,
): readonly MeasuredEvent[] {
  let events = unified.measuredInto(present, running.bank);
  if (!events.some((event) => measurer.isCommandLine(event))) return events;
  const own = commandLine === undefined ? unified.commandLine : undefined;
  if (own !== undefined) events = withCommandLine(events, running, measurer, own);
  return initrd === undefined ? withInitrd(events, running.bank, measurer, unified.initrd(running.bank)) : events;
}

function withKernel(
  events: readonly MeasuredEvent[],
  { bank }: RunningLog,
  measurer: Measurer,
  path: string,
): readonly MeasuredEvent[] {
  const digest = measurer.measureKernel(path);
  // Boot loaders come first: the kernel is the last program that was started.
  const at = events.findLastIndex((event) => measurer.isKernel(event));
  return replaced(events, at, bank, digest, 'its log has no event of a kernel');
}

/** The way in which the command line is measured is only trusted when it gives what was measured of the running one. */
function withCommandLine(
  events: readonly MeasuredEvent[],
  running: RunningLog,
  measurer: Measurer,
  commandLine: string,
): readonly MeasuredEvent[] {
  const { bank } = running;
  const at = events.findLastIndex((event) => measurer.isCommandLine(event));
  const present = measurement(bank, measurer.encodeCommandLine(running.commandLine));
  if (at !== -1 && events[at]?.digests.get(bank)?.equals(present) !== true) {
    throw SesameError.of('boot-unpredictable', { reason: 'its command line is not what /proc/cmdline shows' });
  }
  const digest = measurement(bank, measurer.encodeCommandLine(commandLine));
  return replaced(events, at, bank, digest, 'its log has no event of the command line');
}

/** @param content hash of the initial RAM disk; undefined when there will be none */
function withInitrd(
  events: readonly MeasuredEvent[],
  bank: EventLogBank,
  measurer: Measurer,
  content: Buffer | undefined,
): readonly MeasuredEvent[] {
  const at = events.findLastIndex((event) => measurer.isInitrd(event));
  if (content === undefined && !measurer.measuresMissingInitrd) return events.filter((_, index) => index !== at);
  const digest = content ?? measurement(bank);
  if (at !== -1) return replaced(events, at, bank, digest, '');
  // Linux and U-Boot measure it before they leave the firmware: among the events of its PCR the order is the command line's, then its.
  const added: MeasuredEvent = { ...measurer.initrdEvent, digests: new Map([[bank, digest]]) };
  return [...events, added];
}

function replaced(
  events: readonly MeasuredEvent[],
  at: number,
  bank: EventLogBank,
  digest: Buffer,
  reason: string,
): readonly MeasuredEvent[] {
  const event = events[at];
  if (event === undefined) throw SesameError.of('boot-unpredictable', { reason });
  return events.with(at, { ...event, digests: new Map([[bank, digest]]) });
}

function measurerOf({ log, bank }: RunningLog): Measurer {
  const has = (test: (event: MeasuredEvent) => boolean) => log.events.some(test);
  if (has((event) => event.type === EventType.ipl && eventText(event.data).startsWith('grub_cmd'))) {
    throw SesameError.of('boot-unpredictable', { reason: 'its boot loader is GRUB, which measures its own commands' });
  }
  return has((event) => event.type === EventType.efiBootServicesApplication) ? efiStub(bank) : uBoot(bank);
}

/** UEFI measures the kernel into PCR 4, and Linux's EFI stub its command line and initial RAM disk into PCR 9. */
function efiStub(bank: EventLogBank): Measurer {
  const text = Buffer.from('Linux initrd\0', 'latin1');
  const header = Buffer.alloc(8);
  header.writeUInt32LE(EventTag.linuxInitrd, 0);
  header.writeUInt32LE(text.length, 4);
  return {
    isKernel: (event) => event.type === EventType.efiBootServicesApplication && event.pcr === 4,
    measureKernel: (path) => EfiImage.read(path).digest(bank),
    isCommandLine: (event) => eventTagOf(event) === EventTag.linuxLoadOptions,
    encodeCommandLine: loadOptions,
    isInitrd: (event) => eventTagOf(event) === EventTag.linuxInitrd,
    measuresMissingInitrd: false,
    initrdEvent: { pcr: 9, type: EventType.eventTag, data: Buffer.concat([header, text]) },
  };
}

/** boot/bootm.c of U-Boot: files as they are, the command line with its terminator. */
function uBoot(bank: EventLogBank): Measurer {
  const isFile = (event: MeasuredEvent, name: string) => event.type === EventType.compactHash && eventText(event.data) === name;
  return {
    isKernel: (event) => isFile(event, 'linux'),
    measureKernel: (path) => measureFile(path, bank),
    isCommandLine: (event) => event.type === EventType.platformConfigFlags,
    encodeCommandLine: (commandLine) => Buffer.from(`${commandLine}\0`),
    isInitrd: (event) => isFile(event, 'initrd'),
    measuresMissingInitrd: true,
    initrdEvent: { pcr: 9, type: EventType.compactHash, data: Buffer.from('initrd\0', 'latin1') },
  };
}
