// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blake2s } from '@noble/hashes/blake2.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import fc from 'fast-check';
import { hkdfInto } from '../../src/crypto/hkdf.ts';

const bytes = (from: number, to: number) => Buffer.from(Array.from({ length: to - from + 1 }, (_, index) => from + index));

const rfc5869 = [
  {
    name: 'A.1, basic',
    material: Buffer.alloc(22, 0x0b),
    salt: bytes(0x00, 0x0c),
    info: bytes(0xf0, 0xf9),
    output: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    name: 'A.2, longer inputs and outputs',
    material: bytes(0x00, 0x4f),
    salt: bytes(0x60, 0xaf),
    info: bytes(0xb0, 0xff),
    output:
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    name: 'A.3, neither salt nor info',
    material: Buffer.alloc(22, 0x0b),
    salt: Buffer.alloc(0),
    info: Buffer.alloc(0),
    output: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
];

describe('hkdfInto', () => {
  for (const { name, material, salt, info, output } of rfc5869) {
    it(`agrees with RFC 5869 ${name}`, () => {
      const actual = Buffer.alloc(output.length / 2);
      hkdfInto('sha256', salt, [material], info, actual);
      assert.equal(actual.toString('hex'), output);
    });
  }

  it('agrees with another implementation on BLAKE2s', () => {
    const short = fc.uint8Array({ maxLength: 100 });
    fc.assert(
      fc.property(short, short, short, fc.integer({ min: 1, max: 200 }), (salt, material, info, length) => {
        const actual = new Uint8Array(length);
        hkdfInto('blake2s256', salt, [material], info, actual);
        assert.deepEqual(actual, hkdf(blake2s, material, salt, info, length));
      }),
    );
  });

  it('may write over its salt', () => {
    const apart = Buffer.alloc(64);
    hkdfInto('blake2s256', Buffer.alloc(32, 7), [bytes(0, 31)], Buffer.alloc(0), apart);
    const together = Buffer.alloc(64, 7);
    hkdfInto('blake2s256', together.subarray(0, 32), [bytes(0, 31)], Buffer.alloc(0), together);
    assert.deepEqual(together, apart);
  });
});
