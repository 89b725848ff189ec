// SPDX-License-Identifier: MIT

import { eventText, filesOfDevicePath, utf16Text } from './event-log-text.ts';
import { EventTag, EventType, eventTagOf } from './event-log-types.ts';

/** What an event is about, in a person's words. */
export interface EventDescription {
  /** The thing that was measured; equal for the same thing in two boots. */
  readonly subject: string;
  /** What the log says of its content, or nothing. It is the firmware's word, not what the digest covers. */
  readonly detail: string;
}

interface Describable {
  readonly pcr: number;
  readonly type: number;
  readonly data: Buffer;
}

/** Describes any event, an unknown or malformed one by its type. Sentences fit behind "PCR 9: ". */
export function describeEvent(event: Describable): EventDescription {
  const { data } = event;
  switch (event.type) {
    case EventType.separator:
      return { subject: 'end of what the firmware measures', detail: '' };
    case EventType.crtmVersion:
      return { subject: 'version of the firmware', detail: eventText(data) };
    case EventType.crtmContents:
    case EventType.postCode:
    case EventType.postCode2:
      return postCode(eventText(data));
    case EventType.efiPlatformFirmwareBlob:
    case EventType.efiPlatformFirmwareBlob2:
      return { subject: 'code of the firmware', detail: firmwareBlob(event) };
    case EventType.efiHandoffTables:
    case EventType.efiHandoffTables2:
      return { subject: 'tables of the firmware', detail: '' };
    case EventType.efiBootServicesApplication:
      return startedProgram('program that the firmware started', data);
    case EventType.efiBootServicesDriver:
    case EventType.efiRuntimeServicesDriver:
      return startedProgram('driver that the firmware loaded', data);
    case EventType.efiVariableDriverConfig:
    case EventType.efiVariableBoot:
    case EventType.efiVariableBoot2:
    case EventType.efiVariableAuthority:
      return variable(event.type, data);
    case EventType.efiGptEvent:
    case EventType.efiGptEvent2:
      return { subject: 'partition table of the boot disk', detail: '' };
    case EventType.action:
    case EventType.efiAction:
      return { subject: `step of the firmware: ${eventText(data)}`, detail: '' };
    case EventType.eventTag:
      return taggedEvent(event);
    case EventType.ipl:
      return bootLoaderEvent(event.pcr, eventText(data));
    case EventType.compactHash:
      return uBootFile(eventText(data));
    case EventType.tableOfDevices:
      return { subject: 'device tree', detail: '' };
    case EventType.platformConfigFlags:
      return { subject: 'kernel command line', detail: eventText(data) };
    default:
      return { subject: `event of type 0x${event.type.toString(16)}`, detail: '' };
  }
}

/** U-Boot's EFI measures the device tree as firmware of other kinds measures its tables. */
function postCode(text: string): EventDescription {
  if (text === 'DTB DATA') return { subject: 'device tree', detail: '' };
  return { subject: 'code of the firmware', detail: text };
}

/** Blobs of the second kind carry a name. Addresses are left out: they are no part of what was measured. */
function firmwareBlob({ type, data }: Describable): string {
  if (type === EventType.efiPlatformFirmwareBlob) {
    return data.length >= 16 ? `${data.readBigUInt64LE(8)} bytes` : '';
  }
  return data.length > 1 ? eventText(data.subarray(1, 1 + data.readUInt8(0))) : '';
}

/** UEFI_IMAGE_LOAD_EVENT: address, length, link-time address, length of the device path, device path. */
function startedProgram(subject: string, data: Buffer): EventDescription {
  const headerSize = 32;
  if (data.length < headerSize) return { subject, detail: '' };
  const file = filesOfDevicePath(data.subarray(headerSize)) ?? 'one without a file name';
  return { subject, detail: `${file}, ${data.readBigUInt64LE(8)} bytes` };
}

/** UEFI_VARIABLE_DATA: GUID, characters of the name, bytes of the value, name, value. */
function variable(type: number, data: Buffer): EventDescription {
  const headerSize = 32;
  const isBoot = type === EventType.efiVariableBoot || type === EventType.efiVariableBoot2;
  const unreadable = { subject: isBoot ? 'boot option' : 'variable of the firmware', detail: '' };
  if (data.length < headerSize) return unreadable;
  const nameSize = data.readBigUInt64LE(16) * 2n;
  const valueSize = data.readBigUInt64LE(24);
  if (nameSize + valueSize > BigInt(data.length - headerSize)) return unreadable;
  const valueStart = headerSize + Number(nameSize);
  const name = utf16Text(data.subarray(headerSize, valueStart));
  const value = data.subarray(valueStart, valueStart + Number(valueSize));
  if (type === EventType.efiVariableAuthority) return { subject: `certificate that ${name} vouches with`, detail: '' };
  if (name === 'SecureBoot') return { subject: 'state of Secure Boot', detail: value[0] === 1 ? 'on' : 'off' };
  if (/^Boot[0-9A-F]{4}$/.test(name)) return { subject: `boot option ${name}`, detail: bootOptionName(value) };
  return { subject: `variable ${name} of the firmware`, detail: value.length === 0 ? 'empty' : `${value.length} bytes` };
}

/** EFI_LOAD_OPTION: attributes, length of the device paths, description. */
function bootOptionName(value: Buffer): string {
  const headerSize = 6;
  return value.length > headerSize ? utf16Text(value.subarray(headerSize)) : '';
}

function taggedEvent(event: Describable): EventDescription {
  const tag = eventTagOf(event);
  if (tag === EventTag.linuxLoadOptions) return { subject: 'kernel command line', detail: '' };
  if (tag === EventTag.linuxInitrd) return { subject: 'initial RAM disk', detail: '' };
  const text = event.data.length > 8 ? eventText(event.data.subarray(8)) : '';
  return { subject: 'event of a boot loader', detail: text };
}

/** systemd-stub measures the sections of a unified kernel image into PCR 11; GRUB its commands into 8 and files into 9. */
function bootLoaderEvent(pcr: number, text: string): EventDescription {
  if (pcr === 11 && text.startsWith('.')) return { subject: `section ${text} of the unified kernel image`, detail: '' };
  if (pcr === 12) return { subject: 'kernel command line', detail: text };
  const grubCommandLine = /^kernel_cmdline: ?(.*)$/.exec(text)?.[1];
  if (grubCommandLine !== undefined) return { subject: 'kernel command line', detail: grubCommandLine };
  const grubCommand = /^grub_cmd: ?(.*)$/.exec(text)?.[1];
  if (grubCommand !== undefined) return { subject: 'command of GRUB', detail: grubCommand };
  return { subject: 'event of the boot loader', detail: text };
}

/** boot/bootm.c of U-Boot. */
function uBootFile(text: string): EventDescription {
  if (text === 'linux') return { subject: 'kernel', detail: '' };
  if (text === 'initrd') return { subject: 'initial RAM disk', detail: '' };
  return { subject: 'event of the boot loader', detail: text };
}
