// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';
import { readyDevice, readySecret } from '../harness/ready-device.ts';

const { name, value } = readySecret;

/** Exit code of a command that needs an open vault. */
const locked = 4;

/** What the design allows from power-on to an open vault, over the same image without us, in seconds on a quiet machine. */
const allowed = 2;

/**
 * Seconds of an emulated device change with what else its machine does, so the two boots are compared with each other. Only a quiet machine
 * can judge the design's 2 s, which make 1.5 there: the figures are printed. With ten programs on two cores it is 5; more than this means
 * that something waits for a time-out. A machine may also be busy for one of the two and not for the other, which made 15 once.
 */
const mostTimes = 25;

/** What a device makes for itself: identity, keys, salts. */
const ownFiles = [
  '/var/lib/pds/installation.toml',
  '/var/lib/pds/audit.key',
  '/var/lib/pds/vaults/device.salt',
  '/var/lib/pds/vaults/device.password-wrap',
  '/run/pds/bus.key',
  '/run/pds/keys/daemon-secrets.key',
];

describe('a device that boots for the first time', () => {
  let device: Device;
  /** From power-on to an open vault. */
  let unlockedSeconds = Number.NaN;

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
    await device.must(`sesame secret set -p device ${name}`, value);
    assert.equal(await device.must(`sesame secret get -p device ${name}`), value);
    await device.must('sesame audit verify');
  });

  it('still has the secret after a reboot, behind a lock', async () => {
    await device.reboot();
    assert.equal((await device.run(`sesame secret get -p device ${name}`)).code, locked);
    await device.unlock();
    unlockedSeconds = (performance.now() - device.machine.poweredOnAt) / 1000;
    assert.equal(await device.must(`sesame secret get -p device ${name}`), value);
    await device.must('sesame audit verify');
  });

  it('shares no id, key, salt or wrapped key with another device of the same image', async () => {
    const other = await readyDevice('another device');
    try {
      for (const file of ownFiles) {
        const script = `base64 -w 0 ${file}`;
        const [own, others] = [await device.must(script), await other.must(script)];
        assert.ok(own.length > 20, `${file} holds something`);
        assert.notEqual(own, others, `${file} differs`);
      }
    } finally {
      await other.dispose();
    }
  });

  it('shuts down cleanly: the file system needs no recovery', async () => {
    await device.powerOff();
    const superblock = readFileSync(device.dataPath).subarray(1024, 2048);
    const needsRecovery = 0x4; // EXT4_FEATURE_INCOMPAT_RECOVER
    assert.equal(superblock.readUInt32LE(0x60) & needsRecovery, 0);
  });

  it('takes little longer to an open vault than the same image without Open Sesame takes to boot', async (context) => {
    const plain = (await device.boot({ append: 'softlevel=plain' })) / 1000;
    assert.equal((await device.run('ps | grep "[d]aemon-profile"')).code, 1, 'the plain boot is one without Open Sesame');
    const times = unlockedSeconds / plain;
    context.diagnostic(
      `plain ${plain.toFixed(1)} s, unlocked ${unlockedSeconds.toFixed(1)} s: ${times.toFixed(1)} times as long, ` +
        `${(unlockedSeconds - plain).toFixed(1)} s on a machine ${(await device.slowdown()).toFixed(1)} times slower than a quiet one, where ${allowed} s are allowed`,
    );
    assert.ok(times <= mostTimes, `${times.toFixed(1)} times as long`);
  });
});
