// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blake3Hash } from '../../src/crypto/derive.ts';
import { LogFixture, operation, withLog } from './fixture.ts';

const recoveries = (fixture: LogFixture) => fixture.entries().flatMap((entry) => entry['recovery'] ?? []);
const errors = (fixture: LogFixture) => fixture.logger.lines.filter(({ level }) => level === 'error');

/** Removes the last lines of the current file. */
function cutLines(fixture: LogFixture, count: number): void {
  const kept = fixture.lines().slice(0, -count);
  writeFileSync(fixture.path, kept.map((line) => `${line}\n`).join(''));
}

describe('a torn last line', () => {
  it('is removed and recorded with its length and hash', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      const torn = '{"sequence":4,"timest';
      fixture.addBytes(torn);
      const report = await fixture.recover();
      assert.deepEqual([report.entries, report.head, report.tornBytes], [4, 'matches', 0]);
      assert.deepEqual(recoveries(fixture), [
        { torn: { bytes: torn.length, hash: blake3Hash(Buffer.from(torn)).toString('hex') } },
      ]);
    }));

  it('is removed when it has its newline but is not whole', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      fixture.addBytes('{"sequence":4,"timest\n');
      assert.equal((await fixture.recover()).entries, 4);
    }));

  it('is removed when it is longer than the note that replaces it', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      fixture.addBytes(Buffer.alloc(50_000));
      assert.equal((await fixture.recover()).entries, 4);
    }));

  it('is removed without a head to go by', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      rmSync(fixture.headPath);
      fixture.addBytes('{"sequence":4,"timest');
      await assert.rejects(fixture.recover(), { code: 'audit-unvouched' });
      assert.equal(fixture.lines().length, 4);
    }));

  it('is kept when only its newline is missing', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      truncateSync(fixture.path, readFileSync(fixture.path).length - 1);
      const report = await fixture.recover();
      assert.deepEqual([report.entries, report.head], [4, 'matches']);
      assert.deepEqual(recoveries(fixture), [{ newline_restored: true }]);
    }));

  it('of an only line leaves an empty log', () =>
    withLog(async (fixture) => {
      await fixture.open().close();
      fixture.addBytes('{"seq');
      const report = await fixture.recover();
      assert.deepEqual([report.entries, report.first], [1, 1]);
    }));

  it('and anything else behind the last acknowledged entry never hurts an entry before it', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      const acknowledged = readFileSync(fixture.path);
      const head = readFileSync(fixture.headPath);
      const line = `${fixture.lines()[2]}\n`;
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        fc.integer({ min: 0, max: line.length }).map((length) => Buffer.from(line.slice(0, length))),
        fc.constantFrom('\n', '{}\n', '\0'.repeat(4096)).map((text) => Buffer.from(text)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(piece, { maxLength: 4 }), async (pieces) => {
          writeFileSync(fixture.path, Buffer.concat([acknowledged, ...pieces]));
          writeFileSync(fixture.headPath, head);
          const report = await fixture.recover();
          assert.equal(report.head, 'matches');
          assert.ok(readFileSync(fixture.path).subarray(0, acknowledged.length).equals(acknowledged));
        }),
        { numRuns: 60 },
      );
    }));
});

describe('lines that reached the disk before their head did', () => {
  it('stand, and the next head covers them', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      const head = readFileSync(fixture.headPath);
      await fixture.write(2);
      writeFileSync(fixture.headPath, head);
      const report = await fixture.recover();
      assert.deepEqual([report.entries, report.head], [5, 'behind']);
      await fixture.write(1);
      assert.equal((await fixture.recover()).head, 'matches');
      assert.deepEqual(recoveries(fixture), []);
    }));
});

describe('a tail that was cut off', () => {
  it('is logged, recorded with the entry that was lost, and reported for good', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      cutLines(fixture, 2);
      await assert.rejects(fixture.recover(), {
        code: 'audit-tail-missing',
        parameters: { path: fixture.path, sequence: 3, head: 5 },
      });
      assert.equal(errors(fixture).length, 1);
      const [note] = recoveries(fixture);
      assert.equal(JSON.stringify(note).includes('"sequence":5'), true);
      await fixture.write(3);
      await assert.rejects(fixture.recover(), {
        code: 'audit-tail-missing',
        parameters: { path: fixture.path, sequence: 3, head: 5 },
      });
    }));

  it('does not stop the log: entries go on behind the number that was lost', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      cutLines(fixture, 2);
      await fixture.write(1);
      assert.deepEqual(
        fixture.entries().map((entry) => entry['sequence']),
        [1, 2, 3, 6, 7],
      );
    }));

  it('is a problem of the status, after a restart as well, until it is acknowledged', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      cutLines(fixture, 1);
      const first = fixture.open();
      await first.flush();
      assert.match(first.status().problem ?? '', /vouches/);
      await first.close();
      const second = fixture.open();
      assert.match(second.status().problem ?? '', /vouches/);
      await second.acknowledge({ requester_uid: 0 });
      assert.equal(second.status().problem, undefined);
      await second.close();
      const report = await fixture.recover();
      assert.deepEqual([report.acknowledgedGaps, report.head], [1, 'matches']);
    }));

  it('is noticed when the whole file is gone', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      rmSync(fixture.path);
      await assert.rejects(fixture.recover(), { code: 'audit-tail-missing' });
    }));

  it('is noticed when the newer slot of the head was overwritten to hide it', () =>
    withLog(async (fixture) => {
      await fixture.write(5); // generation 1 is that of the empty log, so entry 5 is generation 6, in the first slot
      cutLines(fixture, 1);
      const head = readFileSync(fixture.headPath);
      head.fill(0, 0, 4096);
      writeFileSync(fixture.headPath, head);
      await assert.rejects(fixture.recover(), { code: 'audit-unvouched' });
    }));

  it('within a line is noticed too', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      truncateSync(fixture.path, readFileSync(fixture.path).length - 20);
      await assert.rejects(fixture.recover(), {
        code: 'audit-tail-missing',
        parameters: { path: fixture.path, sequence: 4, head: 5 },
      });
      assert.deepEqual(Object.keys(recoveries(fixture)[0] ?? {}).sort(), ['lost', 'torn']);
    }));
});

describe('a replaced file', () => {
  it('with a chain of its own is noticed and recorded', async () => {
    const other = new LogFixture();
    await withLog(async (fixture) => {
      await fixture.write(4);
      await other.write(9);
      copyFileSync(other.path, fixture.path);
      await assert.rejects(fixture.recover(), { code: 'audit-tail-missing' });
      assert.equal(errors(fixture).length, 1);
    });
    other.remove();
  });

  it('that holds no entries is kept beside the log, which goes on in a new file', () =>
    withLog(async (fixture) => {
      await fixture.write(4);
      const strange = Buffer.alloc(3_000_000, 'x');
      writeFileSync(fixture.path, strange);
      await assert.rejects(fixture.recover(), { code: 'audit-damaged' });
      const [, kept = ''] = fixture.files();
      assert.ok(readFileSync(join(fixture.directory, kept)).equals(strange));
      assert.equal(fixture.lines().length, 1);
      assert.equal(Object.keys(recoveries(fixture)[0] ?? {}).includes('set_aside'), true);
      await fixture.write(2);
    }));

  it('is noticed when head and key were removed with it', () =>
    withLog(async (fixture) => {
      await fixture.write(4);
      rmSync(fixture.headPath);
      await assert.rejects(fixture.recover(), { code: 'audit-unvouched' });
      assert.deepEqual(recoveries(fixture), [{ head: 'missing' }]);
    }));

  it('is noticed when the key was replaced', () =>
    withLog(async (fixture) => {
      await fixture.write(4);
      rmSync(fixture.keyPath);
      await assert.rejects(fixture.recover(), { code: 'audit-unvouched' });
      assert.deepEqual(recoveries(fixture), [{ head: 'not-authentic' }]);
    }));
});

describe('the file of an upstream installation', () => {
  it('is adopted as it is', async () => {
    const upstream = new LogFixture();
    await upstream.write(3, { hash: 'sha256' });
    await withLog(async (fixture) => {
      copyFileSync(upstream.path, fixture.path);
      const report = await fixture.recover({ hash: 'sha256' });
      assert.deepEqual([report.entries, report.hash, report.head], [4, 'sha256', 'matches']);
      assert.deepEqual(recoveries(fixture), [{ adopted: true }]);
      assert.equal(errors(fixture).length, 0);
    });
    upstream.remove();
  });
});

describe('a power cut during a rotation', () => {
  const small = { maxBytes: 1500, maxFiles: 10 };

  /** A log whose next entry begins a new file. */
  async function full(fixture: LogFixture): Promise<void> {
    const log = fixture.open(small);
    while (fixture.files().length < 3) await log.append(operation(), { durable: true });
    while (readFileSync(fixture.path).length < 1100) await log.append(operation(), { durable: true });
    await log.close();
  }

  it('after the full file was renamed leaves a log that goes on', () =>
    withLog(async (fixture) => {
      await full(fixture);
      const last = Number(fixture.entries().at(-1)?.['sequence']);
      renameSync(fixture.path, `${fixture.path}.${last}`);
      await fixture.write(1, small);
      const report = await fixture.recover(small);
      assert.deepEqual([report.last, report.head], [last + 1, 'matches']);
      assert.deepEqual(errors(fixture), []);
    }));

  it('after the new file was written, but not its head, leaves a log that goes on', () =>
    withLog(async (fixture) => {
      await full(fixture);
      const head = readFileSync(fixture.headPath);
      const last = Number(fixture.entries().at(-1)?.['sequence']);
      await fixture.write(1, small);
      assert.ok(existsSync(`${fixture.path}.${last}`), 'the entry began a new file');
      writeFileSync(fixture.headPath, head);
      const report = await fixture.recover(small);
      assert.deepEqual([report.last, report.head], [last + 1, 'behind']);
      assert.deepEqual(errors(fixture), []);
    }));

  it('within the first line of the new file leaves a log that goes on', () =>
    withLog(async (fixture) => {
      await full(fixture);
      const head = readFileSync(fixture.headPath);
      const last = Number(fixture.entries().at(-1)?.['sequence']);
      await fixture.write(1, small);
      writeFileSync(fixture.headPath, head);
      truncateSync(fixture.path, 100);
      const report = await fixture.recover(small);
      assert.deepEqual([report.last, report.head], [last + 1, 'matches']);
      assert.deepEqual(errors(fixture), []);
      assert.deepEqual(Object.keys(recoveries(fixture)[0] ?? {}), ['torn']);
    }));
});
