// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { deviceNumber, driveOf, selfEncryption } from '../../src/linux/drive.ts';

const root = mkdtempSync(join(tmpdir(), 'drive-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A sysfs in which the device of `root` is what the test says. */
function sysfs(name: string, make: (block: string) => string): string {
  const place = join(root, name);
  const block = join(place, 'devices/block');
  const entry = make(block);
  mkdirSync(join(place, 'sys/dev/block'), { recursive: true });
  symlinkSync(entry, join(place, 'sys/dev/block', deviceNumber(statSync(root).dev)));
  return place;
}

describe('the drive below a file', () => {
  it('splits device numbers as stat(1) does', () => {
    assert.equal(deviceNumber(0xb302), '179:2');
    assert.equal(deviceNumber(0x10103fe), '259:4350');
  });

  it('is the disk of a partition', () => {
    const place = sysfs('partition', (block) => {
      mkdirSync(join(block, 'mmcblk0/mmcblk0p4'), { recursive: true });
      writeFileSync(join(block, 'mmcblk0/mmcblk0p4/partition'), '4\n');
      return join(block, 'mmcblk0/mmcblk0p4');
    });
    assert.equal(driveOf(root, place)?.name, 'mmcblk0');
  });

  it('is what a mapping lies on', () => {
    const place = sysfs('mapping', (block) => {
      mkdirSync(join(block, 'nvme0n1/nvme0n1p3'), { recursive: true });
      writeFileSync(join(block, 'nvme0n1/nvme0n1p3/partition'), '3\n');
      mkdirSync(join(block, 'dm-0/slaves'), { recursive: true });
      symlinkSync(join(block, 'nvme0n1/nvme0n1p3'), join(block, 'dm-0/slaves/nvme0n1p3'));
      return join(block, 'dm-0');
    });
    assert.equal(driveOf(root, place)?.name, 'nvme0n1');
  });

  it('is none below a file system in memory', () => {
    assert.equal(driveOf('/proc'), undefined);
  });

  it('is not known when its node cannot be opened', () => {
    const place = sysfs('closed', (block) => {
      mkdirSync(join(block, 'sda'), { recursive: true });
      return join(block, 'sda');
    });
    assert.equal(driveOf(root, place)?.selfEncryption.kind, 'unknown');
  });
});

describe('what the kernel answers about a drive', () => {
  const cases = [
    { error: 'ENOTTY', status: 0, kind: 'absent' },
    { error: 'EACCES', status: 0, kind: 'unknown' },
    { error: 'EIO', status: 0, kind: 'unknown' },
    { error: undefined, status: 0x00, kind: 'absent' },
    { error: undefined, status: 0x03, kind: 'open' },
    { error: undefined, status: 0x07, kind: 'locking' },
    { error: undefined, status: 0x0f, kind: 'locking' },
  ];
  for (const { error, status, kind } of cases) {
    it(`means ${kind} for ${error ?? `flags 0x${status.toString(16)}`}`, () => {
      assert.equal(selfEncryption(error, status).kind, kind);
    });
  }
});
