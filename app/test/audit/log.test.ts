// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { readHead } from '../../src/audit/head.ts';
import { openHeadKey } from '../../src/audit/head-key.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { bootTimeMs } from '../../src/linux/boot.ts';
import { type LogFixture, memory, operation, requester, withLog } from './fixture.ts';

function generation({ headPath, keyPath }: LogFixture): number {
  const key = openHeadKey(memory, keyPath);
  try {
    const reading = readHead(headPath, key.bytes);
    return reading.state === 'authentic' ? reading.generation : 0;
  } finally {
    key.bytes.release();
  }
}

describe('the audit log', () => {
  it('numbers entries from 1 and links each to the line before', () =>
    withLog(async (fixture) => {
      await fixture.write(3);
      assert.deepEqual(
        fixture.entries().map((entry) => entry['sequence']),
        [1, 2, 3],
      );
      assert.equal(fixture.entries()[0]?.['prev_hash'], '');
      assert.match(String(fixture.entries()[2]?.['prev_hash']), /^[0-9a-f]{64}$/);
    }));

  it('has a durable entry in the file when it says so', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      const { sequence } = await log.append(operation(), { durable: true });
      assert.equal(sequence, 1);
      assert.equal(fixture.lines().length, 1);
      await log.close();
    }));

  it('writes an entry that is not durable within a second', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      const { sequence } = await log.append(operation(), { durable: false });
      assert.equal(sequence, 1);
      assert.equal(statSync(fixture.path).size, 0);
      await wait(1200);
      assert.equal(fixture.lines().length, 1);
      await log.close();
    }));

  it('takes entries that are not durable along with one that is, in order', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      await log.append(operation('first'), { durable: false });
      const { sequence } = await log.append(operation('second'), { durable: true });
      assert.equal(sequence, 2);
      assert.equal(fixture.lines().length, 2);
      await log.close();
    }));

  it('lets concurrent durable entries share what is written', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      const before = generation(fixture);
      const written = await Promise.all(Array.from({ length: 50 }, () => log.append(operation(), { durable: true })));
      assert.deepEqual(
        written.map(({ sequence }) => sequence),
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
      assert.equal(generation(fixture) - before, 1);
      await log.close();
    }));

  it('goes on where it ended when it is opened again', () =>
    withLog(async (fixture) => {
      await fixture.write(2);
      await fixture.write(2);
      const report = await fixture.recover();
      assert.deepEqual([report.entries, report.last, report.head], [4, 4, 'matches']);
      assert.deepEqual(fixture.logger.lines, []);
    }));

  it('keeps the order of its sequence when the clock goes backwards, and to 1970', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      for (const wallMs of [1_700_000_000_000, 1_600_000_000_000, 0, -1]) {
        fixture.clock.setWall(wallMs);
        await log.append(operation(), { durable: true });
      }
      await log.close();
      const entries = fixture.entries();
      assert.deepEqual(
        entries.map((entry) => [entry['sequence'], entry['timestamp_ms']]),
        [
          [1, 1_700_000_000_000],
          [2, 1_600_000_000_000],
          [3, 0],
          [4, 0],
        ],
      );
      assert.equal((await fixture.recover()).entries, 4);
    }));

  it('counts the boots, and has the time since the boot beside the wall clock', () =>
    withLog(async (fixture) => {
      const before = Math.floor(bootTimeMs());
      await fixture.write(1, { bootId: 'boot-a' });
      await fixture.write(1, { bootId: 'boot-a' });
      await fixture.write(1, { bootId: 'boot-b' });
      assert.deepEqual(
        fixture.entries().map((entry) => [entry['boot'], entry['boot_id']]),
        [
          [1, 'boot-a'],
          [1, 'boot-a'],
          [2, 'boot-b'],
        ],
      );
      assert.ok(Number(fixture.entries()[0]?.['monotonic_ms']) >= before);
    }));

  it('writes what is said beside the action', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      const additional = { requester_uid: 1000, repeated: 7 };
      await log.append(operation(), { durable: true, agentId: requester, additional });
      await log.close();
      const { agent_id: agent, requester_uid: uid, repeated } = fixture.entries()[0] ?? {};
      assert.deepEqual([agent, uid, repeated], [requester, 1000, 7]);
    }));

  it('refuses an action that upstream could not read, and stays as it was', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      const action = { ProfileActivated: { target: 'no UUID', duration_ms: 0 } };
      await assert.rejects(log.append(action, { durable: true }), { code: 'message-invalid' });
      await log.append(operation(), { durable: true });
      await log.close();
      assert.equal((await fixture.recover()).entries, 1);
    }));

  it('writes what waits when it is closed', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      await log.append(operation(), { durable: false });
      await log.close();
      assert.equal(fixture.lines().length, 1);
    }));

  it('begins a new file when the configured hash changes, and both verify', () =>
    withLog(async (fixture) => {
      await fixture.write(3, { hash: 'blake3' });
      await fixture.write(3, { hash: 'sha256' });
      assert.deepEqual(fixture.files(), ['audit.jsonl', 'audit.jsonl.3']);
      const report = await fixture.recover({ hash: 'sha256' });
      assert.deepEqual([report.files, report.entries, report.hash, report.head], [2, 6, 'sha256', 'matches']);
    }));

  it('makes its files readable for their owner alone, or with the mode that is asked for', () =>
    withLog(async (fixture) => {
      await fixture.write(1);
      assert.equal(statSync(fixture.path).mode & 0o777, 0o600);
      await fixture.write(1, { mode: 0o640 });
      assert.equal(statSync(fixture.path).mode & 0o777, 0o640);
      assert.equal(statSync(fixture.headPath).mode & 0o777, 0o600);
    }));

  it('reports its state', () =>
    withLog(async (fixture) => {
      const log = fixture.open({ hash: 'sha256' });
      await log.append(operation(), { durable: true });
      await log.append(operation(), { durable: false });
      const expected = { path: fixture.path, sequence: 1, hash: 'sha256', attestation: 'self-attested', pending: 1 };
      assert.deepEqual(log.status(), expected);
      await log.close();
    }));

  it('can be verified while it is being written', () =>
    withLog(async (fixture) => {
      const log = fixture.open({ maxBytes: 20_000, maxFiles: 3 });
      let running = true;
      const writer = (async () => {
        while (running) await log.append(operation(), { durable: true });
      })();
      for (let round = 0; round < 50; round += 1) {
        const { head } = await verifyChain(log.path, log.verification());
        assert.notEqual(head, 'absent');
      }
      running = false;
      await writer;
      await log.close();
    }));

  it('leaves no file open that it did not make', () =>
    withLog(async (fixture) => {
      assert.throws(() => fixture.open({ keyPath: `${fixture.directory}/missing/audit.key` }), { code: 'storage-failed' });
      assert.ok(existsSync(fixture.path));
    }));
});

describe('the tail of the log', () => {
  const sequences = (lines: string[]) => lines.map((line) => JSON.parse(line).sequence);

  it('is the last lines as they stand, oldest first', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      const log = fixture.open();
      assert.deepEqual(log.tail(2), fixture.lines().slice(-2));
      await log.close();
    }));

  it('goes on into the full files', () =>
    withLog(async (fixture) => {
      const log = fixture.open({ maxBytes: 2000, maxFiles: 10 });
      for (let index = 0; index < 20; index += 1) await log.append(operation(), { durable: true });
      assert.ok(fixture.files().length > 3);
      assert.deepEqual(
        sequences(log.tail(15)),
        Array.from({ length: 15 }, (_, index) => index + 6),
      );
      await log.close();
    }));

  it('gives the oldest entries behind a sequence number, so that a reader misses none', () =>
    withLog(async (fixture) => {
      const log = fixture.open({ maxBytes: 2000, maxFiles: 10 });
      for (let index = 0; index < 20; index += 1) await log.append(operation(), { durable: true });
      assert.deepEqual(sequences(log.tail(4, 3)), [4, 5, 6, 7]);
      assert.deepEqual(sequences(log.tail(4, 18)), [19, 20]);
      assert.deepEqual(sequences(log.tail(4, 20)), []);
      await log.close();
    }));

  it('is never longer than an answer may be', () =>
    withLog(async (fixture) => {
      const log = fixture.open();
      const long = operation('ä'.repeat(1000));
      await Promise.all(Array.from({ length: 100 }, () => log.append(long, { durable: true })));
      const last = log.tail(100);
      assert.ok(Buffer.byteLength(last.join('')) <= 98_304);
      assert.equal(sequences(last).at(-1), 100);
      assert.deepEqual(sequences(log.tail(100, 0)).slice(0, 2), [1, 2]);
      await log.close();
    }));
});
