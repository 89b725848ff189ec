// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';

describe('a device that boots for the first time', () => {
  let device: Device;

  before(async () => {
    device = await Device.create('first boot');
    await device.boot({ clock: '1970-01-01T00:00:10' });
  });
  after(() => device.dispose());

  it('has both daemons answering when its services have started', async () => {
    const status = await device.must('sesame status --json');
    assert.match(status, /"memfd_secret"/);
    assert.doesNotMatch(status, /"mlock"/);
  });

  it('runs the daemons as users of their own without any capability and without a way to new privileges', async () => {
    const facts = await device.must(
      'for name in profile secrets; do pid=$(cut -c 1-32 /run/open-sesame/open-sesame-$name.alive | cut -d " " -f 2); grep -E "^(Uid|CapEff|CapPrm|NoNewPrivs):" /proc/$pid/status; done',
    );
    const lines = facts.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => line.replaceAll('\t', ' ')),
      ['900', '901'].flatMap((uid) => [
        `Uid: ${uid} ${uid} ${uid} ${uid}`,
        'CapPrm: 0000000000000000',
        'CapEff: 0000000000000000',
        'NoNewPrivs: 1',
      ]),
    );
  });

  it('cannot write to its root file system', async () => {
    assert.notEqual((await device.run('touch /usr/lib/open-sesame/x')).code, 0);
    assert.match(await device.must('cat /proc/mounts'), /^\/dev\/(vda|root) \/ squashfs ro/m);
  });

  it('makes its own identity and serves a secret although the clock says 1970', async () => {
    assert.match(await device.must('date +%Y'), /^1970/);
    await device.initialise();
    await device.must('sesame secret set -p device mqtt/password', 'correct horse battery staple');
    assert.equal(await device.must('sesame secret get -p device mqtt/password'), 'correct horse battery staple');
    assert.equal((await device.run('sesame audit verify')).code, 0);
  });

  it('still has the secret after a reboot, behind a lock', async () => {
    await device.reboot();
    assert.equal((await device.run('sesame secret get -p device mqtt/password')).code, 4);
    await device.unlock();
    assert.equal(await device.must('sesame secret get -p device mqtt/password'), 'correct horse battery staple');
    assert.equal((await device.run('sesame audit verify')).code, 0);
  });

  it('shuts down cleanly: the file system needs no recovery', async () => {
    await device.powerOff();
    const superblock = readFileSync(device.dataPath).subarray(1024, 2048);
    const needsRecovery = 0x4; // EXT4_FEATURE_INCOMPAT_RECOVER
    assert.equal(superblock.readUInt32LE(0x60) & needsRecovery, 0);
  });
});

describe('two devices with one image', () => {
  const devices: Device[] = [];
  after(async () => {
    for (const device of devices) await device.dispose();
  });

  it('share no id, key, salt or wrapped key', async () => {
    const files = [
      '/var/lib/pds/installation.toml',
      '/var/lib/pds/audit.key',
      '/var/lib/pds/vaults/device.salt',
      '/var/lib/pds/vaults/device.password-wrap',
      '/run/pds/bus.key',
      '/run/pds/keys/daemon-secrets.key',
    ];
    const contents: string[][] = [];
    for (const name of ['one image, device 1', 'one image, device 2']) {
      const device = await Device.create(name);
      devices.push(device);
      await device.boot();
      await device.initialise();
      const texts: string[] = [];
      for (const file of files) texts.push(await device.must(`base64 -w 0 ${file}`));
      contents.push(texts);
      await device.cutPower();
    }
    const [first = [], second = []] = contents;
    files.forEach((file, index) => {
      assert.ok((first[index] ?? '').length > 20, `${file} holds something`);
      assert.notEqual(first[index], second[index], `${file} differs`);
    });
    assert.notEqual(readFileSync(join(devices[0]?.directory ?? '', 'data.img')).length, 0);
  });
});
