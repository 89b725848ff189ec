// SPDX-License-Identifier: MIT
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { unreachable } from '../core/errors.ts';
import type { Numbers } from './public-key.ts';
import { MalformedWire, WireReader } from './wire.ts';

/** The one signature algorithm that is taken from each type of key (RFC 8709, RFC 8332). */
const algorithms = { 'ssh-ed25519': 'ssh-ed25519', 'ssh-rsa': 'rsa-sha2-512' } as const;

/** The longest signature that can serve, in bytes: that of an RSA key of 16,384 bits. */
export const longestSignature = 2048;

/**
 * The inner bytes of a signature blob: what follows the algorithm's name and the length. A view, not a copy.
 * @throws MalformedWire, naming the algorithm when it is another one
 */
export function readSignature(blob: Buffer, numbers: Numbers): Buffer {
  const reader = new WireReader(blob);
  const algorithm = reader.string().toString('latin1').slice(0, 64);
  const wanted = algorithms[numbers.type];
  if (algorithm !== wanted) throw new MalformedWire(`it signs with ${JSON.stringify(algorithm)} instead of ${wanted}`);
  const signature = reader.string();
  reader.end();
  return signature;
}

/**
 * Whether a signature is by this key over these bytes, with the padding that makes it the same each time.
 * @param signature the inner bytes; neither wiped nor kept
 * @returns what is wrong with it, to follow a colon, or undefined
 */
export function signatureProblem(numbers: Numbers, data: Uint8Array, signature: Uint8Array): string | undefined {
  const length = numbers.type === 'ssh-ed25519' ? 64 : numbers.modulus.length;
  // RFC 8332 knows signers that leave leading zeros out; another agent would give other bytes for the same key.
  if (signature.length !== length) return `a signature has ${signature.length} bytes instead of ${length}`;
  const key = importKey(numbers);
  if (key === undefined) return 'the public key is not one';
  switch (numbers.type) {
    case 'ssh-ed25519':
      return verify(null, data, key, signature) ? undefined : 'a signature is not by this key';
    case 'ssh-rsa': {
      if (verify('sha512', data, { key, padding: constants.RSA_PKCS1_PADDING }, signature)) return undefined;
      const salted = verify('sha512', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING }, signature);
      return salted ? 'a signature is RSA-PSS, which is different each time' : 'a signature is not by this key';
    }
    default:
      return unreachable(numbers);
  }
}

/** Undefined for numbers that OpenSSL does not take as a key. */
function importKey(numbers: Numbers): KeyObject | undefined {
  const key =
    numbers.type === 'ssh-ed25519'
      ? { kty: 'OKP', crv: 'Ed25519', x: numbers.point.toString('base64url') }
      : { kty: 'RSA', e: numbers.exponent.toString('base64url'), n: numbers.modulus.toString('base64url') };
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    // The one thing that can be wrong here: the numbers are somebody else's.
    return undefined;
  }
}
