// SPDX-License-Identifier: MIT
import { createECDH, createPublicKey, createSign, verify } from 'node:crypto';
import { assert } from '../core/errors.ts';
import { tpmApprovalKeyContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import type { Hkdf } from '../crypto/suite.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';

/** NIST P-256, which every TPM verifies. */
const curve = 'prime256v1';
const coordinateLength = 32;

/** Length of a public key, x || y, and of a signature, r || s, in bytes. */
export const approvalKeyLength = 2 * coordinateLength;
export const approvalSignatureLength = 2 * coordinateLength;

/** The order of the curve (SEC 2, section 2.4.2): a private key is below it. */
const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');

/** PKCS #8 (RFC 5208) of a private key on P-256 without its public half (RFC 5915); the 32 bytes follow. */
const privateKeyPrefix = Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex');

/**
 * The private key that approves boot states. It is derived from what the TPM factor protects, so it exists on no disk, and whoever can
 * make it could read the vault anyway: only an unlocked device approves its own next boot. The caller releases it.
 * @param piece the master key, or in `all` mode the factor's piece of it
 */
export function deriveApprovalKey(memory: SecretMemory, hkdf: Hkdf, profile: string, piece: SecretBytes): SecretBytes {
  const key = deriveKey(memory, hkdf, tpmApprovalKeyContext(profile), piece.bytes);
  // One of 2^32 keys is not below the order; deriving from it gives another.
  if (key.bytes.compare(order) < 0 && key.bytes.some((byte) => byte !== 0)) return key;
  try {
    return deriveApprovalKey(memory, hkdf, profile, key);
  } finally {
    key.release();
  }
}

/** What takes the place of a private key in an object of Node that is collected later: setting it overwrites the one before. */
const noKey = Buffer.concat([Buffer.alloc(coordinateLength - 1), Buffer.from([1])]);

/** The public half, x || y. */
export function approvalPublicKey(key: SecretBytes): Buffer {
  const pair = createECDH(curve);
  try {
    pair.setPrivateKey(key.bytes);
    return Buffer.from(pair.getPublicKey().subarray(1));
  } finally {
    pair.setPrivateKey(noKey);
  }
}

/**
 * ECDSA over SHA-256 of the message, as r || s. `Sign` takes the key for the moment of the signature and overwrites it; a KeyObject, which
 * `crypto.sign` makes too, would keep it on the C heap until it is collected.
 */
export function signApproval(key: SecretBytes, message: Buffer): Buffer {
  assert(key.length === coordinateLength, 'a private key on P-256');
  const encoded = Buffer.alloc(privateKeyPrefix.length + key.length);
  try {
    privateKeyPrefix.copy(encoded);
    key.bytes.copy(encoded, privateKeyPrefix.length);
    return createSign('sha256').update(message).sign({ key: encoded, format: 'der', type: 'pkcs8', dsaEncoding: 'ieee-p1363' });
  } finally {
    encoded.fill(0);
  }
}

/** Whether the key with this public half, one of ours, made a signature. @param point x || y */
export function verifyApproval(point: Buffer, message: Buffer, signature: Buffer): boolean {
  const [x, y] = [point.subarray(0, coordinateLength), point.subarray(coordinateLength)].map((half) =>
    half.toString('base64url'),
  );
  assert(x !== undefined && y !== undefined, 'a point has two coordinates');
  const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}
