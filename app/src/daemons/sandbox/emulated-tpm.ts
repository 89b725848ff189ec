// SPDX-License-Identifier: MIT

/** How tcti-device of tpm2-tss names a device file: behind this. */
export const deviceTransport = 'device:';

/** Whether a setting of `global.tpm.tcti` reaches no device but an emulator, over the network: for tests, and nothing else. */
export function isEmulated(tcti: string): boolean {
  return !tcti.startsWith(deviceTransport);
}
