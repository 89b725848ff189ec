// SPDX-License-Identifier: MIT
import type { Say } from './artefact.ts';
import { type DeviceImage, defaultCache, type Firmware } from './device.ts';
import { verityRoot } from './verity.ts';

/** UEFI for QEMU's `virt` machine with a TPM driver (Debian's qemu-efi-aarch64). */
const firmware: Firmware = {
  code: '/usr/share/AAVMF/AAVMF_CODE.fd',
  variables: '/usr/share/AAVMF/AAVMF_VARS.fd',
};

/** As which the device's kernel sees the root file system's disk. */
const rootDevice = '/dev/vda';

/**
 * The same device with a boot that is measured to the last byte: firmware measures itself, the kernel, its initial RAM disk and its
 * command line, and the command line holds the root hash of the root file system.
 */
export async function measuredBoot(image: DeviceImage, say: Say, cache = defaultCache): Promise<DeviceImage> {
  const root = await verityRoot(image.root, rootDevice, cache, say);
  return { ...image, root: root.image, rootArguments: root.kernelArguments, firmware };
}
