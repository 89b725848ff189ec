// SPDX-License-Identifier: MIT
import { openAesGcm, sealAesGcm } from '../../src/crypto/aead.ts';
import { deriveKey } from '../../src/crypto/derive.ts';
import { NoiseTransport } from '../../src/crypto/noise-transport.ts';
import { passwordKey } from '../../src/crypto/password.ts';
import type { NoiseSuite } from '../../src/crypto/suite.ts';
import { SymmetricState } from '../../src/crypto/symmetric-state.ts';
import type { SecretBytes, SecretMemory } from '../../src/memory/secret-bytes.ts';

/** Bytes that a process leaves lying about on purpose: a scan that misses them proves nothing. */
export const marker = Buffer.from('a marker that a scan of memory has to find');

type Keys = Record<'argon2id' | 'pbkdf2' | 'blake3' | 'combined' | 'hkdf' | 'value' | 'chachaPoly' | 'aesGcm', SecretBytes>;

/**
 * Makes and uses keys in all ways that this room offers, out of public text, so that another process can make the same ones.
 *
 * @returns every key, by what it is; the caller releases them
 */
export async function makeKeys(memory: SecretMemory): Promise<Keys> {
  const password = Buffer.from('public password');
  const salt = Buffer.alloc(16, 3);
  const argon2id = await passwordKey(memory, 'argon2id', password, salt);
  const pbkdf2 = await passwordKey(memory, 'pbkdf2-sha256', password, salt);
  const blake3 = deriveKey(memory, 'blake3', 'a key', argon2id.bytes);
  const combined = deriveKey(memory, 'blake3', 'a combined key', [argon2id.bytes, pbkdf2.bytes, blake3.bytes]);
  const hkdf = deriveKey(memory, 'hkdf-sha256', 'a key', pbkdf2.bytes);
  const value = deriveKey(memory, 'blake3', 'a value', hkdf.bytes, 300);
  openAesGcm(memory, combined, sealAesGcm(combined, value.bytes))?.release();
  const chachaPoly = transportKeys(memory, { cipher: 'chacha-poly', hash: 'blake2s' }, hkdf);
  const aesGcm = transportKeys(memory, { cipher: 'aes-gcm', hash: 'sha256' }, hkdf);
  return { argon2id, pbkdf2, blake3, combined, hkdf, value, chachaPoly, aesGcm };
}

/** The transport keys of a handshake whose one Diffie-Hellman result is the given key, after they carried a message. */
function transportKeys(memory: SecretMemory, suite: NoiseSuite, material: SecretBytes): SecretBytes {
  const state = new SymmetricState(memory, suite);
  const copy = Buffer.alloc(128);
  copy.set(material.bytes);
  state.mixKey(copy.subarray(0, material.length));
  state.encryptAndHash(Buffer.from('payload'));
  const keys = state.split();
  const sameKeys = state.split();
  state.destroy();
  const transport = new NoiseTransport(suite.cipher, 'initiator', sameKeys, state.handshakeHash);
  transport.encrypt(Buffer.from('message'));
  transport.destroy();
  return keys;
}
