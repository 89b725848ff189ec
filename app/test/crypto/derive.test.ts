// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deriveKey } from '../../src/crypto/derive.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { b3sumDeriveKey } from './oracle.ts';
import { blake3Input, blake3Vectors } from './vectors.ts';

const memory = openSecretMemory();

function derived(...args: Parameters<typeof deriveKey> extends [unknown, ...infer Rest] ? Rest : never): Buffer {
  const key = deriveKey(memory, ...args);
  try {
    return Buffer.from(key.bytes);
  } finally {
    key.release();
  }
}

describe('deriveKey with BLAKE3', () => {
  it('agrees with every official vector of derive_key, extended output included', () => {
    for (const { input_len, derive_key } of blake3Vectors.cases) {
      const key = derived('blake3', blake3Vectors.context_string, blake3Input(input_len), derive_key.length / 2);
      assert.equal(key.toString('hex'), derive_key, `${input_len} bytes`);
    }
  });

  it('agrees with b3sum --derive-key', () => {
    const context = fc.string({ unit: 'binary', maxLength: 80 }).filter((text) => !/^-|\0/.test(text) && text.isWellFormed());
    fc.assert(
      fc.property(context, fc.uint8Array({ maxLength: 3000 }), (text, material) => {
        assert.deepEqual(derived('blake3', text, material), b3sumDeriveKey(text, material));
      }),
      { numRuns: 40 },
    );
  });
});

describe('deriveKey with HKDF-SHA256', () => {
  it('agrees with RFC 5869 A.3', () => {
    const expected = '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8';
    assert.equal(derived('hkdf-sha256', '', Buffer.alloc(22, 0x0b), 42).toString('hex'), expected);
  });

  it("agrees with OpenSSL's HKDF without salt and with the context as info", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), fc.uint8Array({ maxLength: 200 }), (context, material) => {
        const expected = Buffer.from(hkdfSync('sha256', material, Buffer.alloc(0), context, 32));
        assert.deepEqual(derived('hkdf-sha256', context, material), expected);
      }),
    );
  });
});

for (const hkdf of ['blake3', 'hkdf-sha256'] as const) {
  describe(`deriveKey (${hkdf})`, () => {
    it('takes parts as their concatenation', () => {
      const parts = [Buffer.alloc(32, 1), Buffer.alloc(0), Buffer.alloc(70, 2)];
      assert.deepEqual(derived(hkdf, 'context', parts), derived(hkdf, 'context', Buffer.concat(parts)));
    });

    it('gives another key for another context', () => {
      assert.notDeepEqual(
        derived(hkdf, 'pds v2 vault-key a', Buffer.alloc(32)),
        derived(hkdf, 'pds v2 vault-key b', Buffer.alloc(32)),
      );
    });

    it('gives 32 bytes unless asked for another length', () => {
      assert.equal(derived(hkdf, 'context', Buffer.alloc(32)).length, 32);
    });

    it('leaves the material to its owner', () => {
      const material = Buffer.alloc(32, 9);
      derived(hkdf, 'context', material);
      assert.deepEqual(material, Buffer.alloc(32, 9));
    });
  });
}
