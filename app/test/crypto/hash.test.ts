// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blake3Hash, blake3KeyedHash, createChainHash } from '../../src/crypto/hash.ts';
import { blake3Input, blake3Vectors } from './vectors.ts';

describe('blake3Hash', () => {
  it('agrees with every official vector', () => {
    for (const { input_len, hash } of blake3Vectors.cases) {
      assert.equal(blake3Hash(blake3Input(input_len)).toString('hex'), hash.slice(0, 64), `${input_len} bytes`);
    }
  });
});

describe('blake3KeyedHash', () => {
  it('agrees with every official vector', () => {
    const key = Buffer.from(blake3Vectors.key);
    for (const { input_len, keyed_hash } of blake3Vectors.cases) {
      assert.equal(blake3KeyedHash(key, blake3Input(input_len)).toString('hex'), keyed_hash.slice(0, 64), `${input_len} bytes`);
    }
  });

  it('refuses a key of another length', () => {
    assert.throws(() => blake3KeyedHash(Buffer.alloc(31), Buffer.alloc(32)), { name: 'AssertionError' });
  });

  it('leaves its inputs as they were', () => {
    const key = Buffer.alloc(32, 1);
    const data = Buffer.alloc(32, 2);
    blake3KeyedHash(key, data);
    assert.deepEqual([key, data], [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]);
  });
});

describe('createChainHash', () => {
  it('gives BLAKE3 in lower-case hexadecimal', () => {
    const [empty] = blake3Vectors.cases;
    assert.equal(createChainHash('blake3')(Buffer.alloc(0)), empty?.hash.slice(0, 64));
  });

  it('gives SHA-256 in lower-case hexadecimal (FIPS 180-2, appendix B.1)', () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    assert.equal(createChainHash('sha256')(Buffer.from('abc')), expected);
  });

  it('starts anew with every call', () => {
    const hash = createChainHash('blake3');
    const first = hash(Buffer.from('line'));
    assert.equal(hash(Buffer.from('line')), first);
  });
});
