// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeCbor, decodeCborMap, encodeCbor } from '../../src/bus/cbor.ts';
import { failsWith } from '../support/failures.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** From RFC 8949, appendix A, what our bodies can hold. */
const examples: readonly [string, unknown][] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['6449455446', 'IETF'],
  ['62c3bc', '\u00fc'],
  ['64f0908591', '\ud800\udd51'],
  ['80', []],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
];

/** What has a second, deterministic encoding, or no place in a body. */
const refused: readonly [string, string][] = [
  ['9fff', 'an indefinite array'],
  ['bfff', 'an indefinite map'],
  ['7f6161ff', 'an indefinite text'],
  ['5f4101ff', 'indefinite bytes'],
  ['1817', 'a number that is not in its shortest form'],
  ['a2616101616102', 'a key that stands there twice'],
  ['c074323031332d30332d32315432303a30343a30305a', 'a tag'],
  ['c249010000000000000000', 'a big number'],
  ['1bffffffffffffffff', 'a number beyond what JavaScript counts exactly'],
  ['f7', 'undefined'],
  ['f97e00', 'not a number'],
  ['f97c00', 'infinity'],
  ['62c328', 'a text that is not UTF-8'],
  ['63eda080', 'half of a surrogate pair'],
  ['0000', 'something behind the end'],
  ['8201', 'an array that ends too early'],
  ['a1016161', 'a key that is not a text'],
  ['', 'nothing'],
  ['ff', 'a lone break'],
];

describe('CBOR', () => {
  for (const [bytes, value] of examples) {
    it(`reads ${bytes} as RFC 8949 has it`, () => assert.deepEqual(decodeCbor(hex(bytes)), value));
    it(`writes ${bytes} as RFC 8949 has it`, () => assert.equal(Buffer.from(encodeCbor(value)).toString('hex'), bytes));
  }

  for (const [bytes, what] of refused) {
    it(`refuses ${what}`, () => assert.throws(() => decodeCbor(hex(bytes)), failsWith('message-invalid')));
  }

  it('refuses nesting deeper than eight', () => {
    assert.deepEqual(decodeCbor(hex('8181818181818100')), [[[[[[[0]]]]]]]);
    assert.throws(() => decodeCbor(Buffer.concat([Buffer.alloc(8, 0x81), hex('8100')])), failsWith('message-invalid'));
  });

  it('refuses a tower that would overflow the stack', () => {
    assert.throws(() => decodeCbor(Buffer.alloc(131_072, 0x81)), failsWith('message-invalid'));
  });

  it('refuses more items than any message has', () => {
    const many = Buffer.concat([hex('991001'), Buffer.alloc(4097)]);
    assert.throws(() => decodeCbor(many), failsWith('message-invalid'));
  });

  it('counts the items of closed containers against their parents only', () => {
    const flat = Array.from({ length: 500 }, () => [[[]], {}]);
    assert.deepEqual(decodeCbor(encodeCbor(flat)), flat);
  });

  it('lets no key reach a prototype', () => {
    const decoded = decodeCbor(encodeCbor(JSON.parse('{"__proto__": {"admin": true}}')));
    assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
    assert.equal(decodeCborMap(hex('a0')).size, 0);
  });

  it('returns what was written', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
        fc.pre(!JSON.stringify(value).includes('.') && !JSON.stringify(value).includes('e'));
        const plain: unknown = JSON.parse(JSON.stringify(value));
        assert.deepEqual(decodeCbor(encodeCbor(plain)), plain);
      }),
    );
  });

  it('never throws anything but message-invalid, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeCbor(bytes);
        } catch (thrown) {
          failsWith('message-invalid')(thrown);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
