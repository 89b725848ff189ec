// SPDX-License-Identifier: MIT
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { artefact, contentKey, contentOf } from '../build/artefact.ts';
import { defaultCache } from '../build/device.ts';
import { runProgram } from '../build/program.ts';
import { Device, deviceImage, type SuspendedDevice } from './device.ts';

/** A secret of the profile `device` on every device that is ready. */
export const readySecret = { name: 'mqtt/password', value: 'correct horse battery staple' };

/**
 * A device that has booted for the first time and whose profile `device` is unlocked. It is a copy of one that was suspended in that
 * state, kept as long as nothing of the device changes: copies have one identity, one TPM and one state of the random numbers.
 * @param name of its console log
 */
export async function readyDevice(name: string): Promise<Device> {
  const image = await deviceImage();
  const directory = await artefact({
    cache: defaultCache,
    name: 'ready-device',
    key: contentKey(
      image.kernel,
      image.root,
      await runProgram('qemu-system-aarch64', ['--version']),
      contentOf(import.meta.dirname),
    ),
    announcement: 'booting the device that others are copies of (about 15 s)',
    say: (text) => process.stderr.write(`${text}\n`),
    make: suspendReady,
  });
  return await Device.resume(name, parts(directory));
}

async function suspendReady(directory: string): Promise<void> {
  const device = await Device.create('ready device');
  try {
    await device.boot();
    await device.initialise();
    await device.must(`sesame secret set -p device ${readySecret.name}`, readySecret.value);
    mkdirSync(directory, { recursive: true });
    await device.suspend(parts(directory));
  } finally {
    await device.dispose();
  }
}

function parts(directory: string): SuspendedDevice {
  return { memory: join(directory, 'memory'), data: join(directory, 'data.img'), tpm: join(directory, 'tpm') };
}
