// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { rounds, seededRandom } from '../../app/test/support/campaign.ts';
import { card, cardContent } from '../build/card.ts';
import { runProgram } from '../build/program.ts';
import { Device, deviceImage } from '../harness/device.ts';

const mebibyte = 1024 * 1024;
const say = (text: string) => process.stderr.write(`${text}\n`);

/** How often the first boot is interrupted, and until when: from the kernel's start to the daemons'. */
const cuts = rounds(1, 30);
const latestCutMs = 8_000;

/**
 * A device whose second disk is a freshly flashed card, with the root of slot A and its data on it. The machine is QEMU's `virt`, which
 * starts faster than its Raspberry Pi.
 * @param size of the card in bytes; the image is smaller
 */
async function flashed(name: string, size: number): Promise<Device> {
  const { kernel, kernelConfiguration, kernelVersion, root } = await deviceImage();
  const device = await Device.create(name, { kernel, kernelConfiguration, kernelVersion, root, rootArguments: 'root=/dev/vdb2' });
  const image = join(await card(await cardContent(say), say), 'sdcard.img');
  await runProgram('cp', ['--sparse=always', image, device.dataPath]);
  truncateSync(device.dataPath, size);
  return device;
}

const sectorsPerMebibyte = 2048;

/** Of the partition: this kernel forbids to write to a mounted one, so the file system on it stays (linux-growth.cfg lets it grow). */
async function dataMebibytes(device: Device): Promise<number> {
  return Number(await device.must('cat /sys/class/block/vdb4/size')) / sectorsPerMebibyte;
}

describe('the first boot of a card', () => {
  it('grows the data partition to the card, makes an identity, and both stay', async () => {
    const device = await flashed('card first boot', 512 * mebibyte);
    try {
      await device.boot();
      assert.ok((await dataMebibytes(device)) > 100, 'the data partition has grown');
      const identity = await device.must('cat /var/lib/identity/machine-id');
      assert.match(identity, /^[0-9a-f]{32}\n$/);
      assert.equal(await device.must('hostname'), `open-sesame-${identity.slice(0, 6)}\n`);
      await device.initialise();
      await device.must('sesame secret set -p device name', 'value');
      await device.reboot();
      assert.equal(await device.must('cat /var/lib/identity/machine-id'), identity);
      await device.unlock();
      assert.equal(await device.must('sesame secret get -p device name'), 'value');
    } finally {
      await device.dispose();
    }
  });

  it(`is finished by the second one when the power goes at a random moment (${cuts} times)`, async () => {
    const random = seededRandom();
    for (let round = 0; round < cuts; round += 1) {
      const cutMs = random.below(latestCutMs);
      const device = await flashed(`card cut ${round}`, 512 * mebibyte);
      try {
        await device.interruptBoot(cutMs);
        await device.boot();
        const claim = `seed ${random.seed}, round ${round}, cut after ${cutMs} ms`;
        assert.ok((await dataMebibytes(device)) > 100, `the data partition has grown; ${claim}`);
        assert.match(await device.must('cat /var/lib/identity/machine-id'), /^[0-9a-f]{32}\n$/, claim);
        await device.initialise();
        await device.powerOff();
        await requireSoundData(device.dataPath);
      } finally {
        await device.dispose();
      }
    }
  });
});

/** Checks the data partition of a card without writing to it. */
async function requireSoundData(path: string): Promise<void> {
  const table = JSON.parse(await runProgram('/sbin/sfdisk', ['--json', path])).partitiontable;
  await runProgram('/sbin/e2fsck', ['-f', '-n', `${path}?offset=${table.partitions[3].start * 512}`]);
}

describe('a card that is smaller than the image', () => {
  it('boots and says what is wrong', async () => {
    const device = await flashed('card too small', 400 * mebibyte);
    try {
      await device.boot();
      assert.match(device.console, /\/dev\/vdb4 cannot be mounted|there is no \/dev\/vdb4/);
      assert.match(device.console, /read-only/);
    } finally {
      await device.dispose();
    }
  });
});
