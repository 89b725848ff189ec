// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { verifyChain } from '../../src/audit/verify.ts';
import { operation, withLog } from './fixture.ts';

const limits = { maxBytes: 4000, maxFiles: 3 };

describe('rotation', () => {
  it('keeps no more files than allowed, and none longer than allowed', () =>
    withLog(async (fixture) => {
      await fixture.write(100, limits);
      const files = fixture.files();
      assert.equal(files.length, 3);
      for (const name of files) assert.ok(statSync(join(fixture.directory, name)).size <= limits.maxBytes, name);
    }));

  it('begins a file with an empty prev_hash and the end of the file before', () =>
    withLog(async (fixture) => {
      await fixture.write(30, limits);
      const [first] = fixture.entries();
      const before = join(fixture.directory, fixture.files().at(-1) ?? '');
      const last = JSON.parse(readFileSync(before, 'utf8').trim().split('\n').at(-1) ?? '');
      assert.equal(first?.['prev_hash'], '');
      const { sequence } = JSON.parse(JSON.stringify(first?.['previous_file']));
      assert.equal(sequence, last.sequence);
      assert.equal(first?.['sequence'], last.sequence + 1);
    }));

  it('leaves files that verify together after the oldest were dropped', () =>
    withLog(async (fixture) => {
      await fixture.write(100, limits);
      const report = await fixture.recover(limits);
      assert.deepEqual([report.files, report.last, report.head], [3, 100, 'matches']);
      assert.ok(report.first > 1);
      assert.equal(report.entries, 100 - report.first + 1);
    }));

  it('leaves files that verify each by itself, as upstream does', () =>
    withLog(async (fixture) => {
      await fixture.write(100, limits);
      for (const name of fixture.files().slice(1)) {
        const report = await verifyChain(join(fixture.directory, name));
        assert.equal(report.files, 1, name);
      }
    }));

  it('is found damaged when a file in the middle is missing', () =>
    withLog(async (fixture) => {
      await fixture.write(100, limits);
      rmSync(join(fixture.directory, fixture.files()[2] ?? ''));
      await assert.rejects(fixture.recover(limits), { code: 'audit-damaged' });
    }));

  it('goes on with entries that are larger than a file may be', () =>
    withLog(async (fixture) => {
      const log = fixture.open({ maxBytes: 500, maxFiles: 2 });
      await log.append(operation('x'.repeat(1000)), { durable: true });
      await log.append(operation('y'.repeat(1000)), { durable: true });
      await log.close();
      assert.equal((await fixture.recover({ maxBytes: 500, maxFiles: 2 })).last, 2);
    }));
});
