// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { checkWrappedKey, unwrapKey, wrapKey, wrappedKeyLength } from '../../src/factors/wrapped-key.ts';
import { failsWith, memory, reveal } from './fixture.ts';

const path = '/state/vaults/home.password-wrap';
const kek = memory.take(randomBytes(32));

function wrap(piece: Buffer): Buffer {
  return wrapKey(kek, memory.take(Buffer.from(piece)));
}

describe('a wrapped key', () => {
  it('has 61 bytes, the first of them the version', () => {
    const bytes = wrap(randomBytes(32));
    assert.deepEqual([bytes.length, bytes[0]], [61, 1]);
  });

  it('opens under the key that wrapped it', () => {
    const piece = randomBytes(32);
    const opened = unwrapKey(memory, kek, { path, bytes: wrap(piece) });
    assert.equal(opened && reveal(opened), piece.toString('hex'));
  });

  it('does not open under another key', () => {
    assert.equal(unwrapKey(memory, memory.take(randomBytes(32)), { path, bytes: wrap(randomBytes(32)) }), undefined);
  });

  it('never opens with one bit flipped behind the version', () => {
    const bytes = wrap(randomBytes(32));
    for (let bit = 8; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(unwrapKey(memory, kek, { path, bytes: flipped }), undefined, `bit ${bit}`);
    }
  });

  it('uses another nonce each time', () => {
    const piece = randomBytes(32);
    assert.notDeepEqual(wrap(piece), wrap(piece));
  });
});

describe('checking a wrapped key', () => {
  it('accepts ours', () => {
    checkWrappedKey({ path, bytes: wrap(randomBytes(32)) });
  });

  for (let length = 0; length < wrappedKeyLength; length += 12) {
    it(`refuses a file cut to ${length} bytes, naming it`, () => {
      const bytes = wrap(randomBytes(32)).subarray(0, length);
      assert.throws(() => checkWrappedKey({ path, bytes }), failsWith('file-damaged', path));
    });
  }

  it('refuses a file with bytes behind the end', () => {
    const bytes = Buffer.alloc(62, 1);
    assert.throws(() => checkWrappedKey({ path, bytes }), failsWith('file-damaged', '62 bytes instead of 61'));
  });

  it('refuses version 0', () => {
    assert.throws(() => checkWrappedKey({ path, bytes: Buffer.alloc(61) }), failsWith('file-damaged', 'version 0'));
  });

  it('refuses a newer version of any length', () => {
    assert.throws(() => checkWrappedKey({ path, bytes: Buffer.of(2, 0) }), failsWith('file-too-new', path, 'version 2'));
  });
});
