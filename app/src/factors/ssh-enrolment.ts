// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { sealOverhead } from '../crypto/aead.ts';
import { fingerprintPattern } from '../ssh/public-key.ts';
import { type FactorFile, pieceLength } from './factor.ts';

/**
 * Upstream's `P.ssh-enrollment`: version 0x01 || u16 length || fingerprint || u8 length || key type || 12-byte nonce || AES-256-GCM of
 * 32 bytes (48 bytes), numbers big-endian, texts ASCII.
 */
export interface SshEnrolment {
  readonly fingerprint: string;
  readonly keyType: string;
  /** Nonce, ciphertext and tag. */
  readonly sealed: Buffer;
}

const version = 0x01;
const sealedLength = sealOverhead + pieceLength;
const keyTypes: readonly string[] = ['ssh-ed25519', 'ssh-rsa'];

export function writeSshEnrolment({ fingerprint, keyType, sealed }: SshEnrolment): Buffer {
  const name = Buffer.from(fingerprint, 'latin1');
  const type = Buffer.from(keyType, 'latin1');
  return Buffer.concat([Buffer.of(version, name.length >> 8, name.length & 0xff), name, Buffer.of(type.length), type, sealed]);
}

/** @throws SesameError file-damaged, file-too-new */
export function readSshEnrolment({ path, bytes }: FactorFile): SshEnrolment {
  const damaged = (reason: string) => SesameError.of('file-damaged', { path, reason });
  const found = bytes.at(0);
  if (found === undefined) throw damaged('it is empty');
  // The version comes first: a newer one may have another layout.
  if (found > version) throw SesameError.of('file-too-new', { path, version: found, known: version });
  if (found < version) throw damaged(`it has the unknown version ${found}`);
  const nameStart = 3;
  const typeLengthAt = nameStart + (bytes.length < nameStart ? 0 : bytes.readUInt16BE(1));
  const typeStart = typeLengthAt + 1;
  const sealedStart = typeStart + (bytes.at(typeLengthAt) ?? 0);
  if (bytes.length !== sealedStart + sealedLength)
    throw damaged(`it has ${bytes.length} bytes instead of ${sealedStart + sealedLength}, or the lengths in it are wrong`);
  const fingerprint = bytes.toString('latin1', nameStart, typeLengthAt);
  if (!fingerprintPattern.test(fingerprint)) throw damaged('the fingerprint in it is none of SHA-256');
  const keyType = bytes.toString('latin1', typeStart, sealedStart);
  if (!keyTypes.includes(keyType)) throw damaged(`the key type in it is not one of ${keyTypes.join(', ')}`);
  return { fingerprint, keyType, sealed: bytes.subarray(sealedStart) };
}
