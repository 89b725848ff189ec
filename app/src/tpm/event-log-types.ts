// SPDX-License-Identifier: MIT

/** TCG_EVENTTYPE: TCG PC Client Platform Firmware Profile 1.06, table 27, as far as firmware and boot loaders are known to use them. */
export const EventType = {
  postCode: 0x0000_0001,
  noAction: 0x0000_0003,
  separator: 0x0000_0004,
  action: 0x0000_0005,
  eventTag: 0x0000_0006,
  crtmContents: 0x0000_0007,
  crtmVersion: 0x0000_0008,
  cpuMicrocode: 0x0000_0009,
  platformConfigFlags: 0x0000_000a,
  tableOfDevices: 0x0000_000b,
  compactHash: 0x0000_000c,
  ipl: 0x0000_000d,
  nonHostCode: 0x0000_000f,
  nonHostConfig: 0x0000_0010,
  nonHostInfo: 0x0000_0011,
  omitBootDeviceEvents: 0x0000_0012,
  postCode2: 0x0000_0013,
  efiVariableDriverConfig: 0x8000_0001,
  efiVariableBoot: 0x8000_0002,
  efiBootServicesApplication: 0x8000_0003,
  efiBootServicesDriver: 0x8000_0004,
  efiRuntimeServicesDriver: 0x8000_0005,
  efiGptEvent: 0x8000_0006,
  efiAction: 0x8000_0007,
  efiPlatformFirmwareBlob: 0x8000_0008,
  efiHandoffTables: 0x8000_0009,
  efiPlatformFirmwareBlob2: 0x8000_000a,
  efiHandoffTables2: 0x8000_000b,
  efiVariableBoot2: 0x8000_000c,
  efiGptEvent2: 0x8000_000d,
  efiHcrtmEvent: 0x8000_0010,
  efiVariableAuthority: 0x8000_00e0,
  efiSpdmFirmwareBlob: 0x8000_00e1,
  efiSpdmFirmwareConfig: 0x8000_00e2,
} as const;

/** EV_EVENT_TAG events carry the id of whoever made them up; these are Linux's EFI stub's (include/linux/efi.h, efistub.h). */
export const EventTag = {
  linuxInitrd: 0x8f3b_22ec,
  linuxLoadOptions: 0x8f3b_22ed,
} as const;

/** The id of an EV_EVENT_TAG event, or undefined when it has none. */
export function eventTagOf(event: { readonly type: number; readonly data: Buffer }): number | undefined {
  return event.type === EventType.eventTag && event.data.length >= 8 ? event.data.readUInt32LE(0) : undefined;
}
