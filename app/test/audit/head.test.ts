// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Head, HeadWriter, readHead } from '../../src/audit/head.ts';
import { type HeadKey, openHeadKey, readHeadKey } from '../../src/audit/head-key.ts';
import { memory } from './fixture.ts';

let directory: string;
let path: string;
let key: HeadKey;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'open-sesame-head-'));
  path = join(directory, 'audit.head');
  key = openHeadKey(memory, join(directory, 'audit.key'));
});

afterEach(() => {
  key.bytes.release();
  rmSync(directory, { recursive: true });
});

function headAt(sequence: number): Head {
  return { sequence, hash: sequence.toString(16).padStart(64, '0'), algorithm: 'blake3', offset: sequence * 100, gap: 0 };
}

async function writeHeads(count: number): Promise<void> {
  const writer = new HeadWriter(path, key.bytes, 0);
  for (let sequence = 1; sequence <= count; sequence += 1) await writer.write(headAt(sequence));
  writer.close();
}

describe('the head of the chain', () => {
  it('is missing before it was ever written', () => {
    assert.deepEqual(readHead(path, key.bytes), { state: 'missing' });
  });

  it('reads back as the last that was written', async () => {
    await writeHeads(5);
    assert.deepEqual(readHead(path, key.bytes), { state: 'authentic', head: headAt(5), generation: 5, complete: true });
  });

  it('keeps every member through a round trip', async () => {
    const head: Head = { sequence: 2 ** 40, hash: 'fe'.repeat(32), algorithm: 'sha256', offset: 2 ** 41, gap: 17 };
    const writer = new HeadWriter(path, key.bytes, 0);
    await writer.write(head);
    const reading = readHead(path, key.bytes);
    assert.deepEqual(reading.state === 'authentic' && reading.head, head);
  });

  it('keeps its size, so that a full disk cannot stop it', async () => {
    await writeHeads(1);
    const before = statSync(path).size;
    await writeHeads(9);
    assert.equal(statSync(path).size, before);
  });

  it('is the one before when the write of the last was cut off, wherever that happened', async () => {
    await writeHeads(4);
    const before = readFileSync(path);
    const writer = new HeadWriter(path, key.bytes, 4);
    await writer.write(headAt(5));
    writer.close();
    const after = readFileSync(path);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: after.length - 1 }), (cut) => {
        writeFileSync(path, Buffer.concat([after.subarray(0, cut), before.subarray(cut)]));
        const reading = readHead(path, key.bytes);
        assert.ok(reading.state === 'authentic');
        assert.ok(reading.head.sequence === 4 || reading.head.sequence === 5);
        assert.equal(reading.complete, before.equals(readFileSync(path)) || after.equals(readFileSync(path)));
      }),
    );
  });

  it('is not authentic under another key', async () => {
    await writeHeads(3);
    const other = openHeadKey(memory, join(directory, 'other.key'));
    assert.deepEqual(readHead(path, other.bytes), { state: 'not-authentic' });
    other.bytes.release();
  });

  it('is not authentic after any change of a bit in both slots', async () => {
    await writeHeads(2);
    const content = readFileSync(path);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 111 }), fc.integer({ min: 0, max: 7 }), (byte, bit) => {
        const changed = Buffer.from(content);
        for (const slot of [0, 4096]) changed.writeUInt8(changed.readUInt8(slot + byte) ^ (1 << bit), slot + byte);
        writeFileSync(path, changed);
        assert.deepEqual(readHead(path, key.bytes), { state: 'not-authentic' });
      }),
    );
  });

  it('is not authentic in a file of another size or kind', async () => {
    for (const size of [0, 1, 4096, 100_000]) {
      writeFileSync(path, Buffer.alloc(size, 7));
      assert.deepEqual(readHead(path, key.bytes), { state: 'not-authentic' }, `${size} bytes`);
    }
  });

  it('says that it is not complete when the newer slot is overwritten', async () => {
    await writeHeads(6);
    const content = readFileSync(path);
    content.fill(0, 0, 4096); // generation 6 is in the first slot
    writeFileSync(path, content);
    assert.deepEqual(readHead(path, key.bytes), { state: 'authentic', head: headAt(5), generation: 5, complete: false });
  });

  it('carries an HMAC-SHA256 over everything before it', async () => {
    await writeHeads(1);
    const slot = readFileSync(path).subarray(4096);
    const secret = readFileSync(join(directory, 'audit.key'));
    assert.deepEqual(slot.subarray(80, 112), createHmac('sha256', secret).update(slot.subarray(0, 80)).digest());
  });
});

describe('the key of the head', () => {
  it('is made once, with 32 bytes that only its owner reads', () => {
    const file = join(directory, 'audit.key');
    assert.equal(key.created, true);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(file).size, 32);
    const again = openHeadKey(memory, file);
    assert.equal(again.created, false);
    assert.deepEqual(again.bytes.bytes, key.bytes.bytes);
    again.bytes.release();
  });

  it('is replaced when it does not have 32 bytes', () => {
    const file = join(directory, 'audit.key');
    for (const size of [0, 31, 33]) {
      writeFileSync(file, Buffer.alloc(size));
      assert.equal(readHeadKey(memory, file), undefined);
      const made = openHeadKey(memory, file);
      assert.equal(made.created, true);
      made.bytes.release();
    }
  });
});
