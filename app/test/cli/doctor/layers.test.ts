// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { checkOfDrive, examineVaultFiles } from '../../../src/cli/doctor/layers.ts';

describe('the layers that a device has', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'layers-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('count a drive that locks itself', () => {
    const { outcome, finding } = checkOfDrive({ name: 'nvme0n1', selfEncryption: { kind: 'locking' } });
    assert.equal(outcome, 'pass');
    assert.match(finding, /drive: yes: nvme0n1/);
  });

  it('do not count a drive that encrypts for everyone, and say how to change that', () => {
    const { outcome, remedy } = checkOfDrive({ name: 'nvme0n1', selfEncryption: { kind: 'open' } });
    assert.equal(outcome, 'warn');
    assert.match(remedy ?? '', /sedutil-cli/);
  });

  it('are no worse for a card, which has no such interface', () => {
    const { outcome, finding } = checkOfDrive({ name: 'mmcblk0', selfEncryption: { kind: 'absent' } });
    assert.equal(outcome, 'pass');
    assert.match(finding, /drive: no: mmcblk0/);
  });

  it('lack the vault when a database lies there in the clear', () => {
    writeFileSync(join(directory, 'device.db'), 'SQLite format 3\0 and so on');
    const { outcome, finding } = examineVaultFiles(directory);
    assert.equal(outcome, 'fail');
    assert.match(finding, /device\.db/);
  });

  it('have the vault when its file begins with anything else', () => {
    writeFileSync(join(directory, 'device.db'), Buffer.alloc(32, 0x5a));
    assert.match(examineVaultFiles(directory).finding, /SQLCipher: yes: device\.db/);
  });
});
