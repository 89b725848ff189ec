// SPDX-License-Identifier: MIT
import { readBounded } from '../linux/files.ts';
import type { EventLog } from './event-log.ts';
import { eventText } from './event-log-text.ts';
import { EventType } from './event-log-types.ts';

/** Who measured this boot. `unmeasured`: nobody, every PCR is zero. `unknown`: somebody who left no log. */
export type BootPlatform = 'uefi' | 'u-boot' | 'unmeasured' | 'unknown';

/** TCG PC Client Platform Firmware Profile, section 3.3.4, and the UAPI Group's registry of Linux's TPM PCRs. */
const uefiMeanings: Readonly<Record<number, string>> = {
  0: 'the code of the firmware',
  1: 'settings of the firmware and its boot options',
  2: 'drivers of plug-in devices',
  3: 'settings of plug-in devices',
  4: 'the boot loader or kernel that the firmware started',
  5: 'the partition table and the end of the firmware',
  6: 'events of the manufacturer',
  7: 'Secure Boot: whether it is on, and its keys',
  8: 'commands of the boot loader',
  9: 'the kernel command line and the initial RAM disk',
  10: 'programs and files that the kernel checked (IMA)',
  11: 'the unified kernel image',
  12: 'what was given to the unified kernel image from outside',
  13: 'system extensions',
  14: 'keys of the machine owner (shim)',
};

/** boot/bootm.c of U-Boot with CONFIG_MEASURED_BOOT; releases before 2024 measured the initial RAM disk into PCR 8 as well. */
const uBootMeanings: Readonly<Record<number, string>> = {
  0: 'the version of U-Boot, and in some releases the device tree',
  1: 'the kernel command line, and in some releases the device tree',
  8: 'the kernel',
  9: 'the initial RAM disk',
};

const generalMeanings: Readonly<Record<number, string>> = {
  15: 'the identity of the system',
  16: 'debugging; anybody may reset it',
  17: 'a dynamic launch',
  18: 'a dynamic launch',
  19: 'a dynamic launch',
  20: 'a dynamic launch',
  21: 'a dynamic launch',
  22: 'a dynamic launch',
  23: 'applications; anybody may reset it',
};

/** What a PCR measures on a platform, in a few words. */
export function meaningOfPcr(platform: BootPlatform, pcr: number): string {
  const meaning = generalMeanings[pcr];
  if (meaning !== undefined) return meaning;
  switch (platform) {
    case 'uefi':
      return uefiMeanings[pcr] ?? 'nothing that is known';
    case 'u-boot':
      return uBootMeanings[pcr] ?? 'nothing but the end of the measurements';
    case 'unmeasured':
      return 'nothing: no firmware measured this boot';
    case 'unknown':
      return 'unknown: the firmware left no log';
  }
}

/**
 * @param log of this boot, if there is one
 * @param anyPcrSet whether a PCR below 8 is not zero
 */
export function platformOf(log: EventLog | undefined, anyPcrSet: boolean): BootPlatform {
  if (log === undefined) return anyPcrSet ? 'unknown' : 'unmeasured';
  const has = (type: number) => log.events.some((event) => event.type === type);
  if (has(EventType.efiBootServicesApplication)) return 'uefi';
  // U-Boot's own EFI measures as any other; its bootm has rules of its own.
  const version = log.events.find((event) => event.type === EventType.crtmVersion);
  const isUBoot = version !== undefined && eventText(version.data).startsWith('U-Boot');
  return isUBoot && !has(EventType.efiAction) ? 'u-boot' : 'uefi';
}

const modelPath = '/sys/firmware/devicetree/base/model';
const modelLimit = 256;

/** What nobody measures on this board although it decides what is measured later; undefined when nothing is known of such. */
export function unmeasuredFirstStage(path = modelPath): string | undefined {
  const model = readBounded(path, modelLimit)?.toString('latin1') ?? '';
  if (!model.startsWith('Raspberry Pi')) return undefined;
  return 'the first stage of a Raspberry Pi (boot ROM, bootcode, start.elf) measures nothing: who can replace the boot loader on the card can report any measurement';
}
