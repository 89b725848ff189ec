// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import { CipherState } from '../../src/crypto/cipher-state.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

const memory = openSecretMemory();
const rawKey = Buffer.alloc(32, 5);
const keys = memory.take(Buffer.concat([Buffer.alloc(32), rawKey]));
const state = (cipher: 'chacha-poly' | 'aes-gcm', nonce?: number) => new CipherState(cipher, keys, 32, nonce);

const encodings = [
  { cipher: 'chacha-poly', algorithm: 'chacha20-poly1305', nonce: 0x01_0203_0405, iv: '000000000504030201000000' },
  { cipher: 'aes-gcm', algorithm: 'aes-256-gcm', nonce: 0x01_0203_0405, iv: '000000000000000102030405' },
] as const;

describe('a cipher state', () => {
  for (const { cipher, algorithm, nonce, iv } of encodings) {
    it(`of ${cipher} encodes its nonce in ${cipher === 'aes-gcm' ? 'big' : 'little'}-endian order`, () => {
      const message = state(cipher, nonce).encrypt(Buffer.from('text'));
      // The cast-free way to one call for both algorithms is GCM's overload, which OpenSSL's cipher table does not distinguish.
      const decipher =
        algorithm === 'aes-256-gcm'
          ? createDecipheriv(algorithm, rawKey, Buffer.from(iv, 'hex'), { authTagLength: 16 })
          : createDecipheriv(algorithm, rawKey, Buffer.from(iv, 'hex'), { authTagLength: 16 });
      decipher.setAuthTag(message.subarray(-16));
      assert.equal(decipher.update(message.subarray(0, -16)).toString() + decipher.final().toString(), 'text');
    });

    it(`of ${cipher} never uses the last nonces`, () => {
      const last = state(cipher, Number.MAX_SAFE_INTEGER - 1);
      last.encrypt(Buffer.alloc(1));
      assert.throws(() => last.encrypt(Buffer.alloc(1)), { name: 'AssertionError' });
      assert.throws(() => state(cipher, Number.MAX_SAFE_INTEGER).decrypt(Buffer.alloc(32)), { name: 'AssertionError' });
    });

    it(`of ${cipher} encrypts the same text differently each time`, () => {
      const sender = state(cipher);
      assert.notDeepEqual(sender.encrypt(Buffer.from('text')), sender.encrypt(Buffer.from('text')));
    });

    it(`of ${cipher} refuses other associated data`, () => {
      const message = state(cipher).encrypt(Buffer.from('text'), Buffer.from('one'));
      assert.equal(state(cipher).decrypt(message, Buffer.from('two')), undefined);
      assert.equal(state(cipher).decrypt(message), undefined);
      assert.equal(state(cipher).decrypt(message, Buffer.from('one'))?.toString(), 'text');
    });
  }
});
