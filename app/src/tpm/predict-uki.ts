// SPDX-License-Identifier: MIT
import type { MeasuredEvent } from './event-log.ts';
import { type EventLogBank, measurement } from './event-log-bank.ts';
import { EventType } from './event-log-types.ts';
import type { EfiImage } from './predict-image.ts';

/** PCR of the unified kernel image (UAPI.7, kernel-boot). */
const ukiPcr = 11;

/** In the order in which systemd-stub measures them (UAPI.5); .pcrsig is a signature over the result and left out. */
const measuredSections = [
  ...[
    '.linux',
    '.osrel',
    '.cmdline',
    '.initrd',
    '.ucode',
    '.splash',
    '.dtb',
    '.dtbauto',
    '.hwids',
    '.uname',
    '.sbat',
    '.pcrpkey',
  ],
];

/**
 * Measures the sections of a unified kernel image as systemd-stub does, two events a section: its name with a terminator, and its
 * content. A log without such events stays as it is: its stub does not measure.
 */
export function ukiEvents(events: readonly MeasuredEvent[], image: EfiImage, bank: EventLogBank): readonly MeasuredEvent[] {
  const first = events.findIndex(isSectionEvent);
  if (first === -1) return events;
  const sections = measuredSections.flatMap((name) => {
    const content = image.section(name);
    return content === undefined ? [] : sectionEvents(name, content, bank);
  });
  const others = events.filter((event) => !isSectionEvent(event));
  return [...others.slice(0, first), ...sections, ...others.slice(first)];
}

function isSectionEvent(event: MeasuredEvent): boolean {
  return event.pcr === ukiPcr && event.type === EventType.ipl;
}

function sectionEvents(name: string, content: Buffer, bank: EventLogBank): MeasuredEvent[] {
  const data = Buffer.from(`${name}\0`, 'utf16le');
  const digests = [measurement(bank, Buffer.from(`${name}\0`)), measurement(bank, content)];
  return digests.map((digest) => ({ pcr: ukiPcr, type: EventType.ipl, data, digests: new Map([[bank, digest]]) }));
}
