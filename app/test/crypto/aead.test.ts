// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openAesGcm, sealAesGcm } from '../../src/crypto/aead.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

const memory = openSecretMemory();
const key = memory.take(randomBytes(32));

/** A copy of the plaintext, or undefined. */
function opened(sealed: Uint8Array, under = key): Buffer | undefined {
  const plaintext = openAesGcm(memory, under, sealed);
  if (plaintext === undefined) return undefined;
  const copy = Buffer.from(plaintext.bytes);
  plaintext.release();
  return copy;
}

// D. McGrew, J. Viega: The Galois/Counter Mode of Operation (GCM), appendix B; the cases with 256-bit keys and without additional data.
const vectors = [
  {
    name: 'test case 13',
    key: '00'.repeat(32),
    plaintext: '',
    sealed: `${'00'.repeat(12)}530f8afbc74536b9a963b4f1c4cb738b`,
  },
  {
    name: 'test case 14',
    key: '00'.repeat(32),
    plaintext: '00'.repeat(16),
    sealed: `${'00'.repeat(12)}cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919`,
  },
  {
    name: 'test case 15',
    key: 'feffe9928665731c6d6a8f9467308308'.repeat(2),
    plaintext:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
    sealed:
      'cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c',
  },
];

describe('openAesGcm', () => {
  for (const vector of vectors) {
    it(`opens ${vector.name} of the GCM specification`, () => {
      const under = memory.take(Buffer.from(vector.key, 'hex'));
      assert.equal(opened(Buffer.from(vector.sealed, 'hex'), under)?.toString('hex'), vector.plaintext);
      under.release();
    });
  }

  it('opens what was sealed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (plaintext) => {
        assert.deepEqual(opened(sealAesGcm(key, plaintext)), Buffer.from(plaintext));
      }),
    );
  });

  it('opens 64 KiB', () => {
    const plaintext = randomBytes(65_536);
    assert.deepEqual(opened(sealAesGcm(key, plaintext)), plaintext);
  });

  it('refuses any flipped bit', () => {
    const sealed = sealAesGcm(key, Buffer.from('twenty bytes of text'));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = Buffer.from(sealed);
      altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      assert.equal(opened(altered), undefined, `bit ${bit}`);
    }
  });

  it('refuses any truncation', () => {
    const sealed = sealAesGcm(key, Buffer.from('value'));
    for (let length = 0; length < sealed.length; length++) {
      assert.equal(opened(sealed.subarray(0, length)), undefined, `${length} bytes`);
    }
  });

  it('refuses another key', () => {
    const other = memory.take(randomBytes(32));
    assert.equal(opened(sealAesGcm(key, Buffer.from('value')), other), undefined);
    other.release();
  });

  it('holds no secret memory after it refused', () => {
    const sealed = sealAesGcm(key, Buffer.from('value'));
    sealed.fill(0, 20);
    const before = memory.status().pagesInUse;
    assert.equal(openAesGcm(memory, key, sealed), undefined);
    assert.equal(memory.status().pagesInUse, before);
  });
});

describe('sealAesGcm', () => {
  it('uses another nonce each time', () => {
    const nonces = Array.from({ length: 100 }, () => sealAesGcm(key, Buffer.alloc(0)).toString('hex', 0, 12));
    assert.equal(new Set(nonces).size, 100);
  });

  it('adds 28 bytes', () => {
    assert.equal(sealAesGcm(key, Buffer.alloc(5)).length, 33);
  });

  it('leaves the plaintext to its owner', () => {
    const plaintext = Buffer.from('value');
    sealAesGcm(key, plaintext);
    assert.equal(plaintext.toString(), 'value');
  });
});
