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

const options = { authTagLength: 16 };

const encodings = [
  {
    cipher: 'chacha-poly',
    order: 'little-endian',
    iv: '000000000504030201000000',
    decipherFor: (iv: Buffer) => createDecipheriv('chacha20-poly1305', rawKey, iv, options),
  },
  {
    cipher: 'aes-gcm',
    order: 'big-endian',
    iv: '000000000000000102030405',
    decipherFor: (iv: Buffer) => createDecipheriv('aes-256-gcm', rawKey, iv, options),
  },
] as const;

describe('a cipher state', () => {
  for (const { cipher, order, iv, decipherFor } of encodings) {
    it(`of ${cipher} encodes its nonce in ${order} order`, () => {
      const message = state(cipher, 0x01_0203_0405).encrypt(Buffer.from('text'));
      const decipher = decipherFor(Buffer.from(iv, 'hex'));
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
