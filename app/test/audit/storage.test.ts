// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { AuditLog } from '../../src/audit/log.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { SesameError } from '../../src/core/errors.ts';
import { SmallDisk, smallDiskMissing } from '../support/small-disk.ts';
import { LogFixture, operation } from './fixture.ts';

const skip = smallDiskMissing;

/** A log on a file system of 256 KiB. */
async function onSmallDisk(test: (fixture: LogFixture, disk: SmallDisk) => Promise<void>): Promise<void> {
  const disk = new SmallDisk(256);
  try {
    await test(new LogFixture(disk.path), disk);
  } finally {
    disk.remove();
  }
}

/** Takes all but some bytes of what is free. */
function fill(fixture: LogFixture, leave: number): string {
  const path = join(fixture.directory, 'filler');
  const { bavail, bsize } = statfsSync(fixture.directory);
  writeFileSync(path, Buffer.alloc(bavail * bsize - leave, 1));
  return path;
}

/** Appends until it fails, and gives the failure. */
async function appendUntilRefused(log: AuditLog): Promise<SesameError> {
  for (let index = 0; index < 10_000; index += 1) {
    try {
      await log.append(operation('x'.repeat(index % 200)), { durable: true });
    } catch (thrown) {
      assert.ok(thrown instanceof SesameError);
      return thrown;
    }
  }
  return assert.fail('the disk never became full');
}

describe('a full disk', { skip }, () => {
  it('is an error to whoever appends, leaves a whole chain, and is over when there is space again', () =>
    onSmallDisk(async (fixture) => {
      const log = fixture.open();
      const filler = fill(fixture, 16_384);
      const refused = await appendUntilRefused(log);
      assert.equal(refused.code, 'storage-full');
      const report = await verifyChain(log.path, log.verification());
      assert.deepEqual([report.head, report.tornBytes], ['matches', 0]);
      assert.ok(readFileSync(fixture.path).at(-1) === 0x0a, 'no part of a line is left');
      assert.match(log.status().problem ?? '', /no space left/);
      unlinkSync(filler);
      const { sequence } = await log.append(operation(), { durable: true });
      assert.equal(sequence, report.last + 1);
      assert.equal(log.status().problem, undefined);
      await log.close();
      assert.equal((await fixture.recover()).last, sequence);
    }));

  it('in the middle of a rotation is no different', () =>
    onSmallDisk(async (fixture) => {
      const limits = { maxBytes: 6000, maxFiles: 1000 };
      const log = fixture.open(limits);
      const filler = fill(fixture, 40_000);
      assert.equal((await appendUntilRefused(log)).code, 'storage-full');
      for (let index = 0; index < 5; index += 1) assert.equal((await appendUntilRefused(log)).code, 'storage-full');
      unlinkSync(filler);
      await log.append(operation(), { durable: true });
      await log.close();
      const report = await fixture.recover(limits);
      assert.deepEqual([report.first, report.head, report.entries], [1, 'matches', report.last]);
    }));

  it('keeps entries that nobody waits for until there is space', () =>
    onSmallDisk(async (fixture) => {
      const log = fixture.open();
      const filler = fill(fixture, 0);
      for (let index = 0; index < 30; index += 1) await log.append(operation(), { durable: false });
      await log.flush();
      assert.equal(log.status().pending, 30);
      unlinkSync(filler);
      await log.flush();
      assert.deepEqual([log.status().pending, log.status().sequence], [0, 30]);
      await log.close();
    }));
});

describe('a read-only file system', { skip }, () => {
  it('is an error that says so when the log is opened', () =>
    onSmallDisk(async (fixture, disk) => {
      await fixture.write(2);
      disk.makeReadOnly();
      assert.throws(() => fixture.open(), { code: 'storage-read-only' });
      assert.equal((await verifyChain(fixture.path)).entries, 2);
    }));
});
