// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { blake3Hash, hashLength } from '../crypto/hash.ts';
import { FileReader } from './file-reader.ts';
import {
  bankAlgorithm,
  bankOf,
  bitmapOf,
  digestBytes,
  type PcrSelection,
  type PcrValues,
  pcrDigest,
  pcrSelection,
  pcrsOfBitmap,
} from './pcr-selection.ts';
import type { SealedData } from './sealed-data.ts';
import type { EnrolledKey } from './storage-key.ts';
import { sized, u8, u16, u32 } from './wire.ts';

/*
 * `P.tpm-enrollment`, version 2. Integers are big-endian, SIZED is a u16 length and so many bytes:
 *
 *   u8 version || u8 flags || u32 handle of the storage key || SIZED its name || SIZED name of the endorsement key
 *   || u16 bank (TPM_ALG_ID) || SIZED bitmap of PCRs || the values of these PCRs at sealing, ascending || SIZED their digest
 *   || TPM2B_PUBLIC || TPM2B_PRIVATE || SIZED authorisation || SIZED wrapped key || BLAKE3 of everything before, 32 bytes
 *
 * Nothing in it is secret. The hash is against accidents: a changed byte is found before the TPM is asked anything.
 */
const version = 0x02;
const flagPin = 0x01;
const knownFlags = flagPin;

export interface TpmEnrolment {
  readonly hasPin: boolean;
  readonly key: EnrolledKey;
  readonly selection: PcrSelection;
  /** At sealing: what the PCRs must be again. */
  readonly values: PcrValues;
  readonly sealed: SealedData;
  /** Who may approve other boot states, when the policy is PolicyAuthorize; empty for the plain PolicyPCR of `values`. */
  readonly authorisation: Buffer;
  /** What the factor keeps under the sealed key. */
  readonly wrappedKey: Buffer;
}

export function serialiseEnrolment(enrolment: TpmEnrolment): Buffer {
  const { hasPin, key, selection, values, sealed, authorisation, wrappedKey } = enrolment;
  const content = Buffer.concat([
    ...[u8(version), u8(hasPin ? flagPin : 0), u32(key.handle), sized(key.name), sized(key.endorsementName)],
    ...[u16(bankAlgorithm(selection.bank)), sized(bitmapOf(selection.pcrs))],
    ...selection.pcrs.map((pcr) => values.get(pcr) ?? Buffer.alloc(0)),
    ...[sized(pcrDigest(selection, values)), sealed.publicArea, sealed.privateArea, sized(authorisation), sized(wrappedKey)],
  ]);
  return Buffer.concat([content, blake3Hash(content)]);
}

/**
 * @param path for messages
 * @throws SesameError file-damaged, file-too-new
 */
export function parseEnrolment(path: string, file: Buffer): TpmEnrolment {
  const found = file.at(0);
  if (found === undefined) throw damaged(path, 'it is empty');
  // The version comes first: a newer one may mean anything by the rest.
  if (found > version) throw SesameError.of('file-too-new', { path, version: found, known: version });
  if (found < version) throw damaged(path, `it has the unknown version ${found}`);
  const content = file.subarray(0, Math.max(0, file.length - hashLength));
  if (!blake3Hash(content).equals(file.subarray(content.length))) throw damaged(path, 'its hash does not match its content');
  return parseContent(path, new FileReader(path, content));
}

function parseContent(path: string, reader: FileReader): TpmEnrolment {
  reader.take(1);
  const flags = reader.take(1).readUInt8();
  if ((flags & ~knownFlags) !== 0) throw damaged(path, 'it has flags that this version does not know');
  const handle = reader.take(4).readUInt32BE();
  const key = { handle, name: reader.sized(), endorsementName: reader.sized() };
  const bank = bankOf(reader.take(2).readUInt16BE());
  if (bank === undefined) throw damaged(path, 'it names a PCR bank that this version does not know');
  const selection = pcrSelection(bank, pcrsOfBitmap(reader.sized()));
  const values = new Map(selection.pcrs.map((pcr) => [pcr, reader.take(digestBytes(bank))]));
  const digest = reader.sized();
  if (!digest.equals(pcrDigest(selection, values))) throw damaged(path, 'the digest of its PCR values does not match them');
  const sealed = { publicArea: reader.structure(), privateArea: reader.structure() };
  const enrolment = { key, selection, values, sealed, authorisation: reader.sized(), wrappedKey: reader.sized() };
  if (!reader.atEnd) throw damaged(path, 'there is more in it than its version has');
  return { hasPin: (flags & flagPin) !== 0, ...enrolment };
}

function damaged(path: string, reason: string): SesameError {
  return SesameError.of('file-damaged', { path, reason });
}
