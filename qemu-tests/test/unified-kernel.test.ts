// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DeviceImage, defaultCache } from '../build/device.ts';
import { measuredBoot } from '../build/measured-boot.ts';
import { efiStub, unifyKernel } from '../build/unified-kernel.ts';
import { Device, deviceImage } from '../harness/device.ts';
import { commandLine } from '../harness/machine.ts';
import { initrd, memoryMb, opensByItself, otherKernel, predict, provision, requireAsPredicted } from './measured-device.ts';

const settings = '[profiles.device]\nunlock = "tpm"\n[global.tpm]\npcrs = [4, 7, 9, 11]\n';
const say = (text: string) => process.stderr.write(`${text}\n`);

describe('a device that boots a unified kernel image', () => {
  let directory: string;
  let image: DeviceImage;
  let update: DeviceImage;
  let device: Device;

  /** In the place of the kernel: systemd's stub with everything else that was measured inside. */
  async function unified(from: DeviceImage, name: string, disk?: string): Promise<DeviceImage> {
    const parts = { kernel: from.kernel, commandLine: commandLine(from), ...(disk === undefined ? {} : { initrd: disk }) };
    const kernel = await unifyKernel(await efiStub(defaultCache, say), parts, join(directory, name));
    return { ...from, kernel, unified: true };
  }

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'open-sesame-unified-'));
    const plain = await deviceImage();
    image = await unified(await measuredBoot(plain, say, { settings, variant: 'unified' }), 'image.efi');
    const next = await measuredBoot(plain, say, { settings: `${settings}# the next release\n`, variant: 'unified-next' });
    const kernel = otherKernel(plain.kernel, join(directory, 'Image'));
    update = await unified({ ...next, kernel }, 'next.efi', initrd(directory));
    device = await Device.create('unified kernel', image);
    await device.boot({ memoryMb });
    await provision(device);
  });
  after(async () => {
    await device.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  it('opens its vault by itself', async () => {
    await device.reboot({ memoryMb });
    await opensByItself(device);
  });

  it('opens it after an update to another image that was approved, which is measured exactly as predicted', async () => {
    await device.powerOff();
    await device.changeData(`write ${update.kernel} next.efi`);
    await device.boot({ memoryMb });
    await opensByItself(device);
    const options = '--uki /var/lib/next.efi';
    const predicted = await predict(device, options);
    await device.must(`sesame tpm authorize -p device ${options}`);
    await device.powerOff();
    device.install(update);
    await device.boot({ memoryMb });
    await requireAsPredicted(device, predicted);
    await opensByItself(device);
  });
});
