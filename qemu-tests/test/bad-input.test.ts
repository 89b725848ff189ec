// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Device, password } from '../harness/device.ts';
import { readyDevice, readySecret } from '../harness/ready-device.ts';

const { name, value } = readySecret;

/** Exit codes of commands. */
const damaged = 11;
const storage = 12;
const unreachable = 13;

/** The word of daemon-profile on the console that it cannot work without a place to write to. */
const saysReadOnly = /open-sesame-profile(: its last words| did not get ready): .*read-only/;

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('a data partition that is not as it should be at boot', () => {
  const vault = '/var/lib/pds/vaults/damaged.db';
  let device: Device;
  let good: string;

  before(async () => {
    device = await readyDevice('bad data');
    good = join(device.directory, 'good.img');
    await device.initialise('damaged');
    await device.must('rc-service open-sesame-secrets stop');
    await device.must(`head -c 100 /dev/urandom | dd of=${vault} bs=1 seek=2000 conv=notrunc 2> /dev/null`);
    await device.powerOff();
    copyFileSync(device.dataPath, good);
  });
  afterEach(() => device.cutPower());
  after(() => device.dispose());

  it('is missing: the device boots, console and status say what is wrong', async () => {
    await device.boot({ data: 'none' });
    await device.shows(/there is no \/dev\/vdb/);
    await device.shows(saysReadOnly);
    const { code, stderr } = await device.run('sesame status');
    assert.equal(code, unreachable);
    assert.match(stderr, /daemon-profile does not answer/);
    assert.match(await doctor(device), /\/var\/lib\/pds (does not exist|is on a read-only file system)/);
  });

  it('is write-protected: the device boots, says so, and not a byte of it changes', async () => {
    copyFileSync(good, device.dataPath);
    await device.boot({ dataReadOnly: true });
    await device.shows(/\/dev\/vdb is write-protected/);
    await device.shows(saysReadOnly);
    assert.match(await doctor(device), /\/var\/lib\/pds is on a read-only file system/);
    assert.equal(digest(device.dataPath), digest(good));
  });

  it('is corrupted: that is said, and nothing on it is overwritten', async () => {
    copyFileSync(good, device.dataPath);
    damageDescriptors(device.dataPath);
    const before_ = digest(device.dataPath);
    await device.boot();
    await device.shows(/\/dev\/vdb cannot be mounted/);
    await device.shows(saysReadOnly);
    assert.equal(digest(device.dataPath), before_);
  });

  it('is of another device and holds a damaged vault: the sound one is served, the damaged one named and not touched', async () => {
    const other = await Device.create('bad data, another device');
    try {
      copyFileSync(good, other.dataPath);
      await other.boot();
      const before_ = await other.must(`sha256sum ${vault}`);
      await other.unlock();
      assert.equal(await other.must(`sesame secret get -p device ${name}`), value);
      const { code, stderr } = await other.run('sesame unlock -p damaged --password-stdin', `${password}\n`);
      assert.equal(code, damaged, stderr);
      assert.match(stderr, /damaged\.db/);
      await other.must('sesame status; sesame audit verify');
      assert.equal(await other.must(`sha256sum ${vault}`), before_);
    } finally {
      await other.dispose();
    }
  });
});

describe('a device that becomes what it should not be', () => {
  let device: Device;
  before(async () => {
    device = await readyDevice('bad state');
  });
  after(() => device.dispose());

  it('is full: what is there is served, a change is refused with its cause, and works again when there is room', async () => {
    await device.must(
      'dd if=/dev/zero of=/var/lib/filler bs=65536 2> /dev/null; dd if=/dev/zero of=/var/lib/filler2 bs=512 2> /dev/null; sync',
    );
    assert.equal(await device.must(`sesame secret get -p device ${name}`), value);
    const { code, stderr } = await device.run('head -c 60000 /dev/urandom | sesame secret set -p device b');
    assert.equal(code, storage, stderr);
    assert.match(stderr, /no space left/);
    assert.match(await doctor(device), /0 MiB free for \/var\/lib\/pds/);
    await device.must('rm /var/lib/filler /var/lib/filler2');
    await device.must('sesame secret set -p device b', 'value');
    await device.must('sesame audit verify');
  });

  it('has a damaged identity: daemon-profile names the file on the console, does not replace it, and starts once it is restored', async () => {
    const file = '/var/lib/pds/installation.toml';
    await device.must(`rc-service open-sesame-profile stop; cp -p ${file} /tmp/saved; echo damaged > ${file}`);
    await device.run('rc-service open-sesame-profile start > /dev/console 2>&1');
    await device.shows(/open-sesame-profile(: its last words| did not get ready): .*installation\.toml/);
    assert.equal(await device.must(`cat ${file}`), 'damaged\n');
    await device.must(`cat /tmp/saved > ${file}; rc-service open-sesame-profile start; sesame status`);
  });

  it('has a damaged configuration: file, line and column are on the console, and it starts once that is mended', async () => {
    await device.must('mkdir -p /run/bad; printf "[global\\nx" > /run/bad/config.toml; mount -o bind /run/bad /etc/pds');
    await device.run('rc-service open-sesame-profile restart > /dev/console 2>&1');
    await device.shows(/open-sesame-profile(: its last words| did not get ready): .*\/etc\/pds\/config\.toml:1:\d+/);
    await device.must('umount /etc/pds; rc-service open-sesame-profile start; sesame status');
  });

  it('has too small a memory lock: that is named', async () => {
    await device.must('cp -r /etc/conf.d /run/conf.d; mount -o bind /run/conf.d /etc/conf.d');
    await device.must('echo locked_memory_kib=8 >> /etc/conf.d/open-sesame-secrets');
    await device.run('rc-service open-sesame-secrets restart');
    assert.match(await device.daemonLogs(), /limit of locked memory|rc_ulimit/);
    await device.must('umount /etc/conf.d; rc-service open-sesame-secrets restart; sesame status');
  });
});

async function doctor(device: Device): Promise<string> {
  const { stdout } = await device.run('sesame status --doctor');
  return stdout.toString('utf8');
}

/** Writes over the group descriptors, which follow the superblock in the first blocks of 1 KiB. */
function damageDescriptors(path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(1024, 0xa5), 0, 1024, 2048);
  closeSync(file);
}
