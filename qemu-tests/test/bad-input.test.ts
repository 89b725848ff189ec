// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';

/** Exit code of a command that finds no daemon. */
const unreachable = 13;

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('a data partition that is not as it should be', () => {
  let device: Device;
  let good: string;

  before(async () => {
    device = await Device.create('bad data');
    good = join(device.directory, 'good.img');
    await device.boot();
    await device.initialise();
    await device.must('sesame secret set -p device a', 'value');
    await device.powerOff();
    copyFileSync(device.dataPath, good);
  });
  afterEach(() => device.cutPower());
  after(() => device.dispose());

  function restore(): void {
    copyFileSync(good, device.dataPath);
  }

  it('is missing: the device boots, console and status say what is wrong', async () => {
    await device.boot({ data: 'none' });
    assert.match(device.console, /there is no \/dev\/vdb/);
    assert.match(device.console, /open-sesame-profile(: its last words| did not get ready): .*read-only/);
    const { code, stderr } = await device.run('sesame status');
    assert.equal(code, unreachable);
    assert.match(stderr, /daemon-profile does not answer/);
  });

  it('is write-protected: the device boots, says so, and not a byte of it changes', async () => {
    restore();
    await device.boot({ dataReadOnly: true });
    assert.match(device.console, /\/dev\/vdb is write-protected/);
    assert.match(device.console, /open-sesame-profile(: its last words| did not get ready): .*read-only/);
    assert.equal(digest(device.dataPath), digest(good));
  });

  it('is damaged: that is said, and nothing on it is overwritten', async () => {
    restore();
    damageDescriptors(device.dataPath);
    const before_ = digest(device.dataPath);
    await device.boot();
    assert.match(device.console, /\/dev\/vdb is damaged/);
    assert.equal(digest(device.dataPath), before_);
  });

  it('is full: what is there is served, a change is refused with its cause, and works again when there is room', async () => {
    restore();
    await device.boot();
    await device.unlock();
    await device.must(
      'dd if=/dev/zero of=/var/lib/filler bs=65536 2> /dev/null; dd if=/dev/zero of=/var/lib/filler2 bs=512 2> /dev/null; sync',
    );
    assert.equal(await device.must('sesame secret get -p device a'), 'value');
    const { code, stderr } = await device.run('head -c 60000 /dev/urandom | sesame secret set -p device b');
    assert.equal(code, 12, stderr);
    assert.match(stderr, /no space left/);
    await device.must('rm /var/lib/filler /var/lib/filler2');
    await device.must('sesame secret set -p device b', 'value');
    await device.must('sesame audit verify');
  });

  it('comes from another device: its vault opens with its own password, and nothing of it is replaced', async () => {
    restore();
    const other = await Device.create('bad data, another device');
    try {
      copyFileSync(good, other.dataPath);
      await other.boot();
      await other.unlock();
      assert.equal(await other.must('sesame secret get -p device a'), 'value');
      await other.must('sesame audit verify');
    } finally {
      await other.dispose();
    }
    await device.boot();
  });

  it('holds a damaged vault: the daemons run, unlock names the file, and it is not overwritten', async () => {
    restore();
    await device.boot();
    await device.must('rc-service open-sesame-secrets stop');
    const file = '/var/lib/pds/vaults/device.db';
    await device.must(
      `head -c 100 /dev/urandom | dd of=${file} bs=1 seek=2000 conv=notrunc 2> /dev/null; sync; sha256sum ${file} > /tmp/before`,
    );
    await device.reboot();
    const { code, stderr } = await device.run('sesame unlock -p device --password-stdin', 'a password for tests\n');
    assert.equal(code, 11, stderr);
    assert.match(stderr, /device\.db/);
    await device.must('sesame status');
  });
});

describe('a device whose limits are not as they should be', () => {
  let device: Device;
  before(async () => {
    device = await Device.create('bad limits');
    await device.boot({ append: 'cgroup_disable=memory' });
  });
  after(() => device.dispose());

  it('boots without the memory controller, serves, and says that the limit is missing', async () => {
    await device.must('sesame status');
    assert.match(device.console, /open-sesame-secrets runs without its memory limit/);
  });

  it('names too small a memory lock', async () => {
    await device.must('cp -r /etc/conf.d /run/conf.d; mount -o bind /run/conf.d /etc/conf.d');
    await device.must('echo locked_memory_kib=8 >> /etc/conf.d/open-sesame-secrets');
    await device.run('rc-service open-sesame-secrets restart');
    assert.match(await device.daemonLogs(), /limit of locked memory|rc_ulimit/);
    await device.must('umount /etc/conf.d; rc-service open-sesame-secrets restart');
  });

  it('names file, line and column of a damaged configuration, on the console as well, and starts once it is mended', async () => {
    await device.must('mkdir -p /run/bad; printf "[global\\nx" > /run/bad/config.toml; mount -o bind /run/bad /etc/pds');
    await device.run('rc-service open-sesame-profile restart > /dev/console 2>&1');
    assert.match(device.console, /open-sesame-profile(: its last words| did not get ready): .*\/etc\/pds\/config\.toml:1:\d+/);
    await device.must('umount /etc/pds; rc-service open-sesame-profile start; sesame status');
  });
});

/** Writes over the group descriptors, which follow the superblock in the first blocks of 1 KiB. */
function damageDescriptors(path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(1024, 0xa5), 0, 1024, 2048);
  closeSync(file);
}
