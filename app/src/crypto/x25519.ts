// SPDX-License-Identifier: MIT
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, KeyObject, randomFillSync } from 'node:crypto';
import { assert } from '../core/errors.ts';

/** Length in bytes of a public key, a private key and a shared secret (RFC 7748). */
export const keyLength = 32;

// RFC 8410: everything in the DER of a key that comes before its 32 bytes.
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Raw keys, 32 bytes each. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A key pair whose private half is inside OpenSSL. */
export interface DhKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

/** A new X25519 key pair. The caller wipes the private key. */
export function generateKeyPair(): { publicKey: Buffer; privateKey: Buffer } {
  // Any 32 bytes are a private key: X25519 clamps them at each use (RFC 7748, section 5).
  const privateKey = randomFillSync(Buffer.alloc(keyLength));
  return { publicKey: rawPublicKey(importPrivateKey(privateKey)), privateKey };
}

/** A key pair for one handshake or one client. Its private half never exists outside OpenSSL. */
export function generateEphemeral(): DhKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return { publicKey: encodePublicKey(publicKey), privateKey };
}

/** Copies a raw key pair into OpenSSL; the caller may wipe its own at once. */
export function importKeyPair(pair: KeyPair | DhKeyPair): DhKeyPair {
  if (isInOpenSsl(pair)) return pair;
  return { publicKey: Buffer.from(pair.publicKey), privateKey: importPrivateKey(pair.privateKey) };
}

/**
 * The shared secret, 32 bytes, which the caller wipes; undefined for a public key of low order, with which it would be zero
 * and known to everybody (RFC 7748, section 6.1).
 */
export function sharedSecret(privateKey: KeyObject, publicKey: Uint8Array): Buffer | undefined {
  assert(publicKey.length === keyLength, 'a public key has 32 bytes');
  const peer = importPublicKey(publicKey);
  try {
    return diffieHellman({ privateKey, publicKey: peer });
  } catch {
    // OpenSSL's derivation fails for one reason: the result is zero.
    return undefined;
  }
}

function isInOpenSsl(pair: KeyPair | DhKeyPair): pair is DhKeyPair {
  return pair.privateKey instanceof KeyObject;
}

function importPrivateKey(privateKey: Uint8Array): KeyObject {
  assert(privateKey.length === keyLength, 'a private key has 32 bytes');
  // Longer than needed, because the collector copies typed arrays of 64 bytes or less when it moves them.
  const buffer = Buffer.alloc(128);
  try {
    const key = buffer.subarray(0, privatePrefix.length + keyLength);
    key.set(privatePrefix);
    key.set(privateKey, privatePrefix.length);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    buffer.fill(0);
  }
}

function rawPublicKey(privateKey: KeyObject): Buffer {
  return encodePublicKey(createPublicKey(privateKey));
}

// A public key passes as a JSON Web Key (RFC 8037): OpenSSL's first reading or writing of DER takes it a millisecond.

function importPublicKey(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
}

function encodePublicKey(publicKey: KeyObject): Buffer {
  const { x } = publicKey.export({ format: 'jwk' });
  assert(x !== undefined, 'an X25519 key has an x');
  return Buffer.from(x, 'base64url');
}
