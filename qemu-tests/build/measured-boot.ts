// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artefact, contentKey, contentOf, type Say } from './artefact.ts';
import { type DeviceImage, defaultCache, type Firmware } from './device.ts';
import { runProgram } from './program.ts';
import { squash } from './root-file-system.ts';
import { verityRoot } from './verity.ts';

/** UEFI for QEMU's `virt` machine with a TPM driver (Debian's qemu-efi-aarch64). */
const firmware: Firmware = {
  code: '/usr/share/AAVMF/AAVMF_CODE.fd',
  variables: '/usr/share/AAVMF/AAVMF_VARS.fd',
};

/** As which the device's kernel sees the root file system's disk. */
const rootDevice = '/dev/vda';

/** Its configuration is part of the image: it is wanted before anybody can change it on the device. */
const configuration = 'etc/pds/config.toml';

export interface MeasuredBootOptions {
  /** Added to the device's config.toml. */
  readonly settings?: string;
  /** What keeps several images apart in the cache. */
  readonly variant?: string;
  readonly cache?: string;
}

/**
 * The same device with a boot that is measured to the last byte: firmware measures itself, the kernel, its initial RAM disk and its
 * command line, and the command line holds the root hash of the root file system.
 */
export async function measuredBoot(image: DeviceImage, say: Say, options: MeasuredBootOptions = {}): Promise<DeviceImage> {
  const { settings = '', variant = 'measured', cache = defaultCache } = options;
  const configured = settings === '' ? image.root : await configuredRoot(image.root, { settings, variant, cache, say });
  const root = await verityRoot(configured, { device: rootDevice, variant, cache, say });
  return { ...image, root: root.image, rootArguments: root.kernelArguments, firmware };
}

async function configuredRoot(
  root: string,
  { settings, variant, cache, say }: Required<MeasuredBootOptions> & { readonly say: Say },
): Promise<string> {
  return await artefact({
    cache,
    name: `root-${variant}.squashfs`,
    key: contentKey(contentOf(root), settings),
    announcement: `configuring the root file system ${variant} (about 5 s)`,
    say,
    make: (path) => withSettings(root, settings, path, say),
  });
}

async function withSettings(root: string, settings: string, path: string, say: Say): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-root-'));
  try {
    const tree = join(work, 'tree');
    await runProgram('unsquashfs', ['-no-progress', '-d', tree, root], { say });
    const file = join(tree, configuration);
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n${settings}`);
    await squash(tree, path, say);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
