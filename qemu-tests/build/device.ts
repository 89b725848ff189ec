// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { Say } from './artefact.ts';
import { buildrootDevice } from './buildroot.ts';
import type { InitName, InitSystem } from './init-system.ts';
import { buildKernel } from './kernel.ts';
import { openrc } from './openrc.ts';
import { rootFileSystem } from './root-file-system.ts';

/** The files that a device is made of; its data partition is its own. */
export interface DeviceImage {
  readonly kernel: string;
  /** Whether that is a unified kernel image, which has its command line inside. */
  readonly unified?: true;
  /** Of the kernel, as built. */
  readonly kernelConfiguration: string;
  readonly kernelVersion: string;
  /** Squashfs. */
  readonly root: string;
  /** What the command line says of the root file system; read from the disk as it is when absent. */
  readonly rootArguments?: string;
  /** UEFI firmware that measures what it starts; without it QEMU starts the kernel and every PCR stays zero. */
  readonly firmware?: Firmware;
  /** OpenRC when absent. */
  readonly init?: InitName;
  /** Initial RAM disk, for kernels that need modules to find their root. */
  readonly initrd?: string;
}

/** Two flash images: the program, and the variables that every machine has its own copy of. */
export interface Firmware {
  readonly code: string;
  readonly variables: string;
}

export const defaultCache = join(import.meta.dirname, '../../.cache');

/** The device under test: of the output directory of Buildroot that BUILDROOT_OUTPUT names, which has OpenRC, or one built here. */
export async function chosenDevice(say: Say, init: InitSystem = openrc, cache = defaultCache): Promise<DeviceImage> {
  const output = process.env['BUILDROOT_OUTPUT'];
  return output === undefined || init !== openrc
    ? await buildDevice(say, init, cache)
    : await buildrootDevice(output, cache, say);
}

/** Builds what has changed since the last time; the first time takes about ten minutes, nearly all of it the kernel. */
export async function buildDevice(say: Say, init: InitSystem = openrc, cache = defaultCache): Promise<DeviceImage> {
  const root = await rootFileSystem(init, cache, say);
  const { image, config, version } = await buildKernel({ cache, say });
  return { kernel: image, kernelConfiguration: config, kernelVersion: version, root, init: init.services };
}
