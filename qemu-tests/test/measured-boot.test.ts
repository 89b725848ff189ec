// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DeviceImage } from '../build/device.ts';
import { measuredBoot } from '../build/measured-boot.ts';
import { Device, deviceImage, password } from '../harness/device.ts';
import { commandLine } from '../harness/machine.ts';

const settings = '[profiles.device]\nunlock = "tpm"\n';
const say = (text: string) => process.stderr.write(`${text}\n`);
const secret = 'behind firmware, kernel and root hash';
const memoryMb = 512; // UEFI keeps some of it

/** What an integrator writes for the update hooks. */
const nextBoot = `next_boot() {
    echo --kernel; echo /var/lib/next-kernel
    echo --cmdline; cat /run/next-cmdline
}
`;

/** A kernel of the same code with another name of who built it: it boots, and is another one. */
function otherKernel(kernel: string, path: string): string {
  const bytes = readFileSync(kernel);
  const at = bytes.indexOf('open-sesame@build');
  assert.ok(at > 0, 'the kernel names its builder');
  bytes.write('open-sesame@BUILD', at);
  writeFileSync(path, bytes);
  return path;
}

/** An initial RAM disk with one file and no init: the kernel unpacks it and goes on to its root. */
function initrd(directory: string): string {
  const tree = join(directory, 'initrd');
  mkdirSync(tree);
  writeFileSync(join(tree, 'note'), 'hello\n');
  const path = join(directory, 'initrd.cpio');
  writeFileSync(path, execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: tree, input: 'note\n' }));
  return path;
}

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

  const read = 'sesame secret get -p device name';

  async function opensByItself(): Promise<void> {
    await device.eventually('the vault opens by itself', read, 60_000);
    assert.equal(await device.must(read), secret);
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
    await device.must('sesame init -p device --factor password,tpm --password-stdin --no-recovery-key', `${password}\n`);
    await device.must('sesame unlock -p device --password-stdin', `${password}\n`);
    await device.must('sesame secret set -p device name', secret);
    for (let boot = 0; boot < 3; boot += 1) {
      await device.reboot({ memoryMb });
      await opensByItself();
    }
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
    await opensByItself();
    await device.must('cat > /run/next-cmdline', commandLine(update));
    const options = '--kernel /var/lib/next-kernel --cmdline "$(cat /run/next-cmdline)"';
    const predicted = JSON.parse(await device.must(`sesame tpm authorize -p device ${options} --dry-run --json`));
    await device.must('cat > /run/update-hooks.conf', nextBoot);
    await device.must('OPEN_SESAME_UPDATE_CONF=/run/update-hooks.conf /usr/lib/open-sesame/update-hooks/swupdate postinst');
    await boots(update);
    await opensByItself();
    for (const { pcr, value } of predicted.values) {
      const real = (await device.must(`cat /sys/class/tpm/tpm0/pcr-sha256/${pcr}`)).trim().toLowerCase();
      assert.equal(value, real, `PCR ${pcr}`);
    }
  });

  it('refuses the system from before the update once the new one has worked', async () => {
    await boots(image);
    await refuses(/PCR 4 /, /PCR 9 /);
    await device.unlock();
    assert.equal(await device.must(read), secret);
  });
});
