// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verifyChain } from '../../src/audit/verify.ts';
import { SesameError } from '../../src/core/errors.ts';
import { blake3Hash } from '../../src/crypto/derive.ts';
import { type LogFixture, withLog } from './fixture.ts';

/** A chain as upstream writes it, by an implementation of its own. */
function upstreamChain(count: number, hash: (line: string) => string): string {
  let previous = '';
  let text = '';
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const action = { SecretAccessed: { profile_id: '00000000-0000-0000-0000-000000000001', secret_ref: `k${sequence}` } };
    const line = JSON.stringify({ sequence, timestamp_ms: 1, action, prev_hash: previous });
    previous = hash(line);
    text += `${line}\n`;
  }
  return text;
}

const blake3 = (line: string) => blake3Hash(Buffer.from(line)).toString('hex');
const sha256 = (line: string) => createHash('sha256').update(line).digest('hex');

/** Verifies a file that stands alone, without a head. */
function verifyText(fixture: LogFixture, text: string | Uint8Array) {
  const path = join(fixture.directory, 'copy.jsonl');
  writeFileSync(path, text);
  return verifyChain(path);
}

function damagedAt(line: number): (thrown: unknown) => true {
  return (thrown) => {
    assert.ok(thrown instanceof SesameError && thrown.code === 'audit-damaged', String(thrown));
    assert.equal(thrown.parameters['line'], line);
    return true;
  };
}

/** The most memory that verifying a file took, in kB, in a process with the heap of a daemon. */
function peakOfVerifying(path: string): number {
  const program = join(import.meta.dirname, 'verify-process.ts');
  const heap = ['--max-old-space-size=12', '--max-semi-space-size=1', '--optimize-for-size'];
  // A run of tests may keep what it compiled, which a daemon does not read.
  const env = { ...process.env, NODE_COMPILE_CACHE: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, [...heap, program, path], { encoding: 'utf8', env });
  assert.equal(status, 0, stderr);
  return Number(stdout);
}

describe('verification', () => {
  it('finds out by itself which hash links a file', () =>
    withLog(async (fixture) => {
      assert.equal((await verifyText(fixture, upstreamChain(5, blake3))).hash, 'blake3');
      assert.equal((await verifyText(fixture, upstreamChain(5, sha256))).hash, 'sha256');
    }));

  it('accepts an empty file and one with a single entry', () =>
    withLog(async (fixture) => {
      const empty = await verifyText(fixture, '');
      assert.deepEqual([empty.entries, empty.first, empty.last, empty.head], [0, 0, 0, 'absent']);
      assert.equal((await verifyText(fixture, upstreamChain(1, sha256))).entries, 1);
    }));

  it('refuses a chain that changes its hash on the way', () =>
    withLog(async (fixture) => {
      let calls = 0;
      const mixed = (line: string) => {
        calls += 1;
        return calls > 2 ? sha256(line) : blake3(line);
      };
      await assert.rejects(verifyText(fixture, upstreamChain(5, mixed)), damagedAt(4));
    }));

  it('says that a missing file is missing', () =>
    withLog((fixture) => assert.rejects(verifyChain(join(fixture.directory, 'none.jsonl')), { code: 'file-unreadable' })));

  it('refuses what is no file, of which it would read nothing', () =>
    withLog(async (fixture) => {
      const pipe = join(fixture.directory, 'pipe');
      assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
      for (const path of [pipe, fixture.directory, '/dev/zero'])
        await assert.rejects(verifyChain(path), { code: 'file-unreadable', message: /not a regular file/ }, path);
    }));

  it('names the line behind one that was changed', () =>
    withLog(async (fixture) => {
      const text = upstreamChain(9, blake3).replace('"k4"', '"k5"');
      await assert.rejects(verifyText(fixture, text), damagedAt(5));
    }));

  it('finds every change of one bit before the last line', () =>
    withLog(async (fixture) => {
      const text = Buffer.from(upstreamChain(6, blake3));
      const lastLine = text.lastIndexOf('\n', text.length - 2) + 1;
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: lastLine - 1 }), fc.integer({ min: 0, max: 7 }), async (byte, bit) => {
          const changed = Buffer.from(text);
          changed.writeUInt8(changed.readUInt8(byte) ^ (1 << bit), byte);
          await assert.rejects(verifyText(fixture, changed), { code: 'audit-damaged' });
        }),
        { numRuns: 300 },
      );
    }));

  it('finds every change of one bit anywhere when there is a head', () =>
    withLog(async (fixture) => {
      await fixture.write(4);
      const log = fixture.open();
      const text = readFileSync(fixture.path);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: text.length - 1 }), fc.integer({ min: 0, max: 7 }), async (byte, bit) => {
          const changed = Buffer.from(text);
          changed.writeUInt8(changed.readUInt8(byte) ^ (1 << bit), byte);
          writeFileSync(fixture.path, changed);
          // The newline at the very end may change: then the entry is still whole and vouched for, or the line is torn.
          if (byte === text.length - 1) return;
          await assert.rejects(verifyChain(fixture.path, log.verification()), /audit chain/);
        }),
        { numRuns: 300 },
      );
      writeFileSync(fixture.path, text);
      await log.close();
    }));

  it('finds lines that were deleted, exchanged, repeated or inserted', () =>
    withLog(async (fixture) => {
      const lines = upstreamChain(6, blake3).trim().split('\n');
      const [one = '', two = '', three = '', ...rest] = lines;
      const tampered = [
        [one, three, ...rest],
        [one, three, two, ...rest],
        [one, two, two, three, ...rest],
        [one, two, '', three, ...rest],
        [two, three, ...rest],
        [one, two, '{"sequence":3}', ...rest],
      ];
      for (const [index, version] of tampered.entries())
        await assert.rejects(verifyText(fixture, `${version.join('\n')}\n`), { code: 'audit-damaged' }, `version ${index}`);
    }));

  it('reports a last line that is cut off, and judges what is before it', () =>
    withLog(async (fixture) => {
      const report = await verifyText(fixture, `${upstreamChain(3, blake3)}{"sequence":4,`);
      assert.deepEqual([report.entries, report.tornBytes], [3, 14]);
    }));

  it('says when the head vouches for more than is there', () =>
    withLog(async (fixture) => {
      await fixture.write(5);
      const log = fixture.open();
      writeFileSync(fixture.path, `${fixture.lines().slice(0, 3).join('\n')}\n`);
      const parameters = { path: fixture.path, sequence: 3, head: 5 };
      await assert.rejects(verifyChain(fixture.path, log.verification()), { code: 'audit-tail-missing', parameters });
      await log.close();
    }));

  it('needs no more memory for a larger file', () =>
    withLog(async (fixture) => {
      const path = join(fixture.directory, 'large.jsonl');
      // Both are large enough to fill the heap as far as the collector lets them.
      const peaks = [100_000, 200_000].map((count) => {
        writeFileSync(path, upstreamChain(count, sha256));
        return peakOfVerifying(path);
      });
      const [small = 0, large = 0] = peaks;
      assert.ok(large - small < 6000, `${large - small} kB more for a file that is 20 MB larger`);
    }));
});
