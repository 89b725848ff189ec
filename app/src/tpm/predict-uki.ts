// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { MeasuredEvent } from './event-log.ts';
import { type EventLogBank, measurement } from './event-log-bank.ts';
import { EventType } from './event-log-types.ts';
import { EfiImage } from './predict-image.ts';

/** PCR of the unified kernel image (UAPI.7, kernel-boot). */
const ukiPcr = 11;

/** PCR of the programs that the firmware starts. */
const programPcr = 4;

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

/** What systemd-stub packs into an initial RAM disk of its own, behind that of the image. */
const packedSections = ['.pcrsig', '.pcrpkey'];

/** A unified kernel image (UAPI.5), as systemd-stub and what it starts measure it. */
export class UnifiedKernel {
  readonly #image: EfiImage;

  private constructor(image: EfiImage) {
    this.#image = image;
  }

  /** @throws SesameError boot-file-unusable: it cannot be read or is no unified kernel image */
  static read(path: string): UnifiedKernel {
    const image = EfiImage.read(path);
    if (!image.sections.some(({ name }) => name === '.linux')) {
      throw SesameError.of('boot-file-unusable', { path, reason: 'it has no kernel inside, so it is no unified kernel image' });
    }
    return new UnifiedKernel(image);
  }

  /**
   * What its kernel is given, or undefined when it leaves that to the boot loader.
   * @throws SesameError boot-unpredictable: versions of systemd-stub differ in what they make of it
   */
  get commandLine(): string | undefined {
    const text = this.#image.section('.cmdline')?.toString('utf8').replace(/\0+$/, '');
    if (text !== undefined && /^\s|\s$|[^\S ]/.test(text)) {
      const reason =
        'its .cmdline begins or ends with a blank or has a line break, which some versions of systemd-stub keep; take it out';
      throw SesameError.of('boot-unpredictable', { reason });
    }
    return text;
  }

  /**
   * The hash of the initial RAM disk that its kernel gets, or undefined when there is none.
   * @throws SesameError boot-unpredictable: the stub makes one out of several parts
   */
  initrd(bank: EventLogBank): Buffer | undefined {
    const packed = packedSections.find((name) => this.#image.section(name) !== undefined);
    if (packed !== undefined) {
      const reason = `systemd-stub adds its ${packed} to the initial RAM disk; give the whole of it with --initrd`;
      throw SesameError.of('boot-unpredictable', { reason });
    }
    const content = this.#image.section('.initrd');
    return content === undefined ? undefined : measurement(bank, content);
  }

  /**
   * The events of this image in the place of those of the running one: the firmware measures it as it starts it, then its stub each
   * section, two events a section, its name with a terminator and its content; then the firmware measures the kernel inside where the stub
   * has it started by the firmware.
   * @throws SesameError boot-unpredictable: what runs is no unified kernel image, so that it does not show what the stub does; boot-file-unusable
   */
  measuredInto(events: readonly MeasuredEvent[], bank: EventLogBank): readonly MeasuredEvent[] {
    const firstSection = events.findIndex(isSectionEvent);
    const programs = events.flatMap((event, index) => (isProgram(event) ? [index] : []));
    const at = programs.findLast((index) => index < firstSection);
    if (at === undefined) {
      const reason =
        'it was not booted from a unified kernel image that measures its sections, so how the next one does is not known';
      throw SesameError.of('boot-unpredictable', { reason });
    }
    const inside = programs.findLast((index) => index > firstSection);
    const measured = events.map((event, index) => {
      if (index === at) return withDigest(event, bank, this.#image.digest(bank));
      const kernel = index === inside ? this.#image.program('.linux') : undefined;
      return kernel === undefined ? event : withDigest(event, bank, kernel.digest(bank));
    });
    const others = measured.filter((event) => !isSectionEvent(event));
    return [...others.slice(0, firstSection), ...this.#sectionEvents(bank), ...others.slice(firstSection)];
  }

  #sectionEvents(bank: EventLogBank): MeasuredEvent[] {
    return measuredSections.flatMap((name) => {
      const content = this.#image.section(name);
      return content === undefined ? [] : sectionEvents(name, content, bank);
    });
  }
}

function isSectionEvent(event: MeasuredEvent): boolean {
  return event.pcr === ukiPcr && event.type === EventType.ipl;
}

function isProgram(event: MeasuredEvent): boolean {
  return event.type === EventType.efiBootServicesApplication && event.pcr === programPcr;
}

function withDigest(event: MeasuredEvent, bank: EventLogBank, digest: Buffer): MeasuredEvent {
  return { ...event, digests: new Map([[bank, digest]]) };
}

function sectionEvents(name: string, content: Buffer, bank: EventLogBank): MeasuredEvent[] {
  const data = Buffer.from(`${name}\0`, 'utf16le');
  const digests = [measurement(bank, Buffer.from(`${name}\0`)), measurement(bank, content)];
  return digests.map((digest) => ({ pcr: ukiPcr, type: EventType.ipl, data, digests: new Map([[bank, digest]]) }));
}
