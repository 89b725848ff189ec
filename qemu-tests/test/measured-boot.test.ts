// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DeviceImage } from '../build/device.ts';
import { measuredBoot } from '../build/measured-boot.ts';
import { Device, deviceImage } from '../harness/device.ts';
import { commandLine } from '../harness/machine.ts';
import { daemonMemory } from '../harness/memory.ts';
import { countInFile } from '../harness/search.ts';
import {
  initrd,
  memoryMb,
  opensByItself,
  otherKernel,
  predict,
  provision,
  read,
  requireAsPredicted,
  secret,
} from './measured-device.ts';
import { keysOf } from './vault-keys.ts';

const settings = '[profiles.device]\nunlock = "tpm"\n';
const say = (text: string) => process.stderr.write(`${text}\n`);

/** What an integrator writes for the update hooks. */
const nextBoot = `next_boot() {
    echo --kernel; echo /var/lib/next-kernel
    echo --cmdline; cat /run/next-cmdline
}
`;

describe('a device whose boot is measured to the last byte', () => {
  let directory: string;
  let image: DeviceImage;
  let update: DeviceImage;
  let device: Device;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'open-sesame-measured-'));
    const plain = await deviceImage();
    image = await measuredBoot(plain, say, { settings, variant: 'measured-automatic' });
    const next = await measuredBoot(plain, say, { settings: `${settings}# the next release\n`, variant: 'measured-next' });
    update = { ...next, kernel: otherKernel(plain.kernel, join(directory, 'Image')) };
    device = await Device.create('measured boot', image);
    await device.boot({ memoryMb });
  });
  after(async () => {
    await device.dispose();
    rmSync(directory, { recursive: true, force: true });
  });

  async function boots(what: DeviceImage, append = ''): Promise<void> {
    await device.powerOff();
    device.install(what);
    await device.boot({ memoryMb, append });
  }

  async function refuses(...mentions: RegExp[]): Promise<void> {
    assert.equal((await device.run(read)).code, 4);
    const { code, stderr } = await device.run('sesame unlock -p device --tpm');
    assert.equal(code, 9, stderr);
    for (const mention of mentions) assert.match(stderr, mention);
  }

  it('mounts its root through dm-verity, and its TPM has PCRs and a log', async () => {
    assert.match(await device.must('cat /proc/mounts'), /^\/dev\/(root|dm-0) \/ squashfs ro/m);
    assert.match(await device.must('cat /proc/cmdline'), /verity 1 \/dev\/vda/);
    assert.ok((await device.run('cat /sys/kernel/security/tpm0/binary_bios_measurements')).stdout.length > 1000);
  });

  it('opens its vault by itself in three boots of the same image', async () => {
    await provision(device);
    for (let boot = 0; boot < 3; boot += 1) {
      await device.reboot({ memoryMb });
      await opensByItself(device);
    }
  });

  it('opens it within the limits of an ordinary boot', async (context) => {
    const { max, peak, oomKills, lockLimit } = await daemonMemory(device, 'open-sesame-secrets');
    context.diagnostic(`daemon-secrets: peak ${(peak / 1e6).toFixed(1)} MB`);
    assert.deepEqual([max, lockLimit, oomKills], [64 * 1024 * 1024, 8 * 1024 * 1024, 0]);
    assert.ok(peak <= max);
  });

  it('leaves neither the sealed key nor one derived from it in the memory of the machine once it is locked again', async () => {
    const dump = join(directory, 'memory');
    const [, ...keys] = await keysOf(device);
    await device.machine.dumpMemory(dump);
    assert.ok(
      countInFile(dump, keys).some((count) => count > 0),
      'so the search below would find them',
    );
    await device.must('sesame lock -p device');
    await device.machine.dumpMemory(dump);
    assert.deepEqual(countInFile(dump, keys), [0, 0, 0]);
    rmSync(dump);
  });

  it('refuses a changed command line, by exit 9, PCR 9 and the word that is new', async () => {
    await boots(image, 'extra=1');
    await refuses(
      /PCR 9 \(the kernel command line and the initial RAM disk\)/,
      /the kernel command line changed: with "extra=1"/,
    );
    await device.unlock();
  });

  it('refuses a changed kernel, by PCR 4', async () => {
    await boots({ ...image, kernel: update.kernel });
    await refuses(
      /PCR 4 \(the boot loader or kernel that the firmware started\)/,
      /the program that the firmware started changed/,
    );
  });

  it('refuses an added initial RAM disk, by PCR 9', async () => {
    await boots({ ...image, initrd: initrd(directory) });
    await refuses(/PCR 9 /, /the initial RAM disk was added/);
  });

  it('refuses a changed root file system, whose root hash is another one', async () => {
    await boots({ ...update, kernel: image.kernel });
    await refuses(/PCR 9 /, /the kernel command line changed: without "[0-9a-f]{64}"/);
  });

  it('opens after an update that the hook has approved, which is measured exactly as predicted', async () => {
    await device.powerOff();
    await device.changeData(`write ${update.kernel} next-kernel`);
    device.install(image);
    await device.boot({ memoryMb });
    await opensByItself(device);
    await device.must('cat > /run/next-cmdline', commandLine(update));
    const options = '--kernel /var/lib/next-kernel --cmdline "$(cat /run/next-cmdline)"';
    const predicted = await predict(device, options);
    await device.must('cat > /run/update-hooks.conf', nextBoot);
    await device.must('OPEN_SESAME_UPDATE_CONF=/run/update-hooks.conf /usr/lib/open-sesame/update-hooks/swupdate postinst');
    await boots(update);
    await opensByItself(device);
    await requireAsPredicted(device, predicted);
  });

  it('refuses the system from before the update once the new one has worked', async () => {
    await boots(image);
    await refuses(/PCR 4 /, /PCR 9 /);
    await device.unlock();
    assert.equal(await device.must(read), secret);
  });
});
