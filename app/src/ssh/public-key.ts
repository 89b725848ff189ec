// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { MalformedWire, WireReader } from './wire.ts';

/** The key types whose signatures are the same bytes each time, by the first string of the key blob. */
export type SuitableType = 'ssh-ed25519' | 'ssh-rsa';

/** Numbers of a key that verifies signatures, as big-endian bytes. */
export type Numbers =
  /** The 32 bytes of RFC 8032. */
  | { readonly type: 'ssh-ed25519'; readonly point: Buffer }
  /** RFC 4253, section 6.6; without leading zero bytes. */
  | { readonly type: 'ssh-rsa'; readonly exponent: Buffer; readonly modulus: Buffer };

/** A public key as agents and `.pub` files carry it. */
export interface PublicKey {
  /** The name that the blob begins with; `unknown` when it does not begin with one. */
  readonly type: string;
  readonly blob: Buffer;
  /** `SHA256:` and 43 characters of base64, as ssh-keygen prints it. */
  readonly fingerprint: string;
  /** Size of the key where this program reads its type. */
  readonly bits: number | undefined;
  /** Why it cannot open a vault, or the numbers with which it can. */
  readonly suitability: { readonly numbers: Numbers } | { readonly reason: string };
}

const leastRsaBits = 2048;
/** OpenSSH makes none longer. */
const mostRsaBits = 16_384;

/** The longest blob of a key that can serve, in bytes: an RSA key of 16,384 bits with a long exponent. */
export const longestKeyBlob = 4096;

export const fingerprintPattern = /^SHA256:[A-Za-z0-9+/]{43}$/;

/** Reads a key blob (RFC 4253, section 6.6; RFC 8709, section 4). One that makes no sense is a key that cannot serve. */
export function parsePublicKey(blob: Buffer): PublicKey {
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
  try {
    const reader = new WireReader(blob);
    const type = typeName(reader.string());
    const reason = reasonOfType(type);
    if (reason !== undefined) return { type, blob, fingerprint, bits: undefined, suitability: { reason } };
    const numbers = type === 'ssh-ed25519' ? ed25519(reader) : rsa(reader);
    reader.end();
    const bits = bitsOf(numbers);
    const size = sizeProblem(numbers, bits);
    return { type, blob, fingerprint, bits, suitability: size === undefined ? { numbers } : { reason: size } };
  } catch (thrown) {
    if (!(thrown instanceof MalformedWire)) throw thrown;
    const suitability = { reason: `its public key is malformed: ${thrown.message}` };
    return { type: 'unknown', blob, fingerprint, bits: undefined, suitability };
  }
}

/** @throws SesameError ssh-key-unsuitable */
export function requireSuitable({ suitability, fingerprint, type }: PublicKey): Numbers {
  if ('numbers' in suitability) return suitability.numbers;
  throw SesameError.of('ssh-key-unsuitable', { fingerprint, type, reason: suitability.reason });
}

function typeName(bytes: Buffer): string {
  const name = bytes.toString('latin1');
  if (/^[!-~]{1,64}$/.test(name)) return name;
  throw new MalformedWire('it does not begin with the name of a type');
}

/** A vault's key is derived from a signature, so only what signs the same bytes each time can open it. */
function reasonOfType(type: string): string | undefined {
  if (type === 'ssh-ed25519' || type === 'ssh-rsa') return undefined;
  if (type.includes('-cert-v0')) return 'it is a certificate, not a key; the key itself can serve when the agent holds it';
  if (type.startsWith('sk-') || type.startsWith('webauthn-'))
    return 'a security key counts its signatures, so that no two are equal';
  if (type.startsWith('ecdsa-')) return 'ECDSA takes a random number for each signature, so that no two are equal';
  if (type === 'ssh-dss') return 'DSA takes a random number for each signature, so that no two are equal';
  if (/pss/i.test(type)) return 'RSA-PSS takes a random salt for each signature, so that no two are equal';
  return 'it is not known to sign the same bytes each time';
}

function ed25519(reader: WireReader): Numbers {
  const point = reader.string();
  if (point.length !== 32) throw new MalformedWire(`a key of ${point.length} bytes instead of 32`);
  return { type: 'ssh-ed25519', point };
}

function rsa(reader: WireReader): Numbers {
  const exponent = reader.positive();
  return { type: 'ssh-rsa', exponent, modulus: reader.positive() };
}

function bitsOf(numbers: Numbers): number {
  if (numbers.type === 'ssh-ed25519') return 256;
  const { modulus } = numbers;
  return modulus.length * 8 - Math.clz32(modulus.readUInt8()) + 24;
}

function sizeProblem({ type }: Numbers, bits: number): string | undefined {
  if (type === 'ssh-ed25519' || (bits >= leastRsaBits && bits <= mostRsaBits)) return undefined;
  return `its ${bits} bits are not between ${leastRsaBits} and ${mostRsaBits}`;
}

/**
 * The key of a `.pub` file: type, base64 and a comment on one line (sshd(8), AUTHORIZED_KEYS FILE FORMAT, without options).
 * @returns what is wrong with it as text otherwise
 */
export function parsePublicKeyFile(text: string): PublicKey | string {
  if (text.includes('PRIVATE KEY')) return 'it is a private key';
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const [line, another] = lines;
  if (line === undefined) return 'it is empty';
  if (another !== undefined) return 'it has more than one line';
  const [type = '', encoded = ''] = line.trim().split(/[ \t]+/);
  const blob = Buffer.from(encoded, 'base64');
  if (encoded === '' || blob.toString('base64') !== encoded) return 'its line is not a type followed by base64';
  const key = parsePublicKey(blob);
  return key.type === type ? key : `its line says ${JSON.stringify(type.slice(0, 64))} and its key is of type ${key.type}`;
}
