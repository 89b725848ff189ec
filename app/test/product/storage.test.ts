// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Device } from '../support/device.ts';

const unprivileged = process.getuid?.() === 0 ? false : 'only root mounts a file system';

describe('a state directory on a file system of 1 MB', { skip: unprivileged }, () => {
  let home: string;
  let device: Device;
  let filler: string;

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'open-sesame-small-'));
    filler = join(home, 'filler');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', home]);
    device = new Device('[global.secrets]\nidle_close_ms = 50\n', { home });
    await device.start();
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'before'], 'kept');
    await device.initialise('other');
  });

  after(async () => {
    await Promise.all([device.end('daemon-secrets', 'SIGKILL'), device.end('daemon-profile', 'SIGKILL')]);
    execFileSync('umount', ['-l', home]);
    rmSync(home, { recursive: true, force: true });
  });

  it('refuses a write with exit 12 when it is full, and keeps what is there', async () => {
    for (let size = 1_000_000; size >= 1; size = Math.floor(size / 2)) {
      try {
        writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
      } catch {
        // The file system is full from here on, which is what this is for.
      }
    }
    const refused = await device.sesame(['secret', 'set', '-p', 'device', 'new'], 'x'.repeat(60_000));
    assert.equal(refused.code, 12, refused.stderr);
    assert.match(refused.stderr, /no space left/);
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'before'])).toString(), 'kept');
  });

  it('locks every vault even when the audit chain has no room for that, and says so', async () => {
    // Each attempt is recorded, until the last page of the file is full.
    const recorded = async () => {
      const { stderr } = await device.sesame(['secret', 'set', '-p', 'device', 'new'], 'x'.repeat(60_000));
      return !stderr.includes('audit.jsonl');
    };
    while (await recorded());
    const { code, stderr } = await device.sesame(['lock']);
    assert.equal(code, 12, stderr);
    assert.match(stderr, /^sesame: device, other: locked, but the audit chain could not record it \(storage-full\); see: /);
    for (const profile of ['device', 'other']) assert.equal((await device.sesame(['secret', 'list', '-p', profile])).code, 4);
    rmSync(filler);
    for (const profile of ['device', 'other']) await device.unlock(profile);
  });

  it('takes writes again once there is space', async () => {
    await device.must(['secret', 'set', '-p', 'device', 'after'], 'new');
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'after'])).toString(), 'new');
    await device.must(['audit', 'verify']);
  });

  it('refuses a write with exit 12 when it is read-only, and both daemons stay up', async () => {
    const state = device.stateDirectory;
    await wait(300); // a database that is still open is written through the mount it was opened on
    execFileSync('mount', ['--bind', state, state]);
    execFileSync('mount', ['-o', 'remount,ro,bind', state]);
    try {
      const refused = await device.sesame(['secret', 'set', '-p', 'device', 'new'], 'value');
      assert.equal(refused.code, 12, refused.stderr);
      const read = await device.sesame(['secret', 'get', '-p', 'device', 'before']);
      assert.ok(read.code === 0 || read.code === 12, read.stderr);
      assert.equal((await device.sesame(['status', '--json'])).code, 0);
    } finally {
      execFileSync('umount', ['-l', state]);
    }
  });

  it('is as it was when it can be written again', async () => {
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'before'])).toString(), 'kept');
    await device.must(['secret', 'set', '-p', 'device', 'again'], 'value');
    await device.must(['audit', 'verify']);
  });
});
