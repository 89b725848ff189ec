// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { assert } from '../core/errors.ts';
import { TPM_ALG } from './constants.ts';
import { u8, u16, u32 } from './wire.ts';

export type PcrBank = 'sha256' | 'sha384';

/** PCRs of one bank, ascending and without repetition. */
export interface PcrSelection {
  readonly bank: PcrBank;
  readonly pcrs: readonly number[];
}

/** Values by PCR. */
export type PcrValues = ReadonlyMap<number, Buffer>;

/** A PC client has 24 PCRs; the selection's bitmap has three bytes there. */
export const pcrCount = 24;
const bitmapBytes = 3;

const banks: Readonly<Record<PcrBank, { readonly algorithm: number; readonly digestBytes: number }>> = {
  sha256: { algorithm: TPM_ALG.SHA256, digestBytes: 32 },
  sha384: { algorithm: TPM_ALG.SHA384, digestBytes: 48 },
};

/** TPM_ALG_ID of a bank. */
export function bankAlgorithm(bank: PcrBank): number {
  return banks[bank].algorithm;
}

/** The length of a PCR in bytes. */
export function digestBytes(bank: PcrBank): number {
  return banks[bank].digestBytes;
}

export function bankOf(algorithm: number): PcrBank | undefined {
  if (algorithm === TPM_ALG.SHA256) return 'sha256';
  return algorithm === TPM_ALG.SHA384 ? 'sha384' : undefined;
}

export function pcrSelection(bank: PcrBank, pcrs: readonly number[]): PcrSelection {
  assert(
    pcrs.every((pcr) => Number.isInteger(pcr) && pcr >= 0 && pcr < pcrCount),
    'PCRs are numbered from 0 to 23',
  );
  return { bank, pcrs: [...new Set(pcrs)].sort((a, b) => a - b) };
}

/** TPML_PCR_SELECTION with one bank. */
export function selectionWire({ bank, pcrs }: PcrSelection): Buffer {
  return Buffer.concat([u32(1), u16(bankAlgorithm(bank)), u8(bitmapBytes), bitmapOf(pcrs)]);
}

export function bitmapOf(pcrs: readonly number[]): Buffer {
  const bitmap = Buffer.alloc(bitmapBytes);
  for (const pcr of pcrs) bitmap.writeUInt8(bitmap.readUInt8(pcr >> 3) | (1 << (pcr & 7)), pcr >> 3);
  return bitmap;
}

export function pcrsOfBitmap(bitmap: Buffer): number[] {
  const isSet = (pcr: number) => pcr >> 3 < bitmap.length && (bitmap.readUInt8(pcr >> 3) & (1 << (pcr & 7))) !== 0;
  return Array.from({ length: pcrCount }, (_, pcr) => pcr).filter(isSet);
}

/** The digest of selected values that TPM2_PolicyPCR takes in: SHA-256 over them in ascending order, whatever the bank. */
export function pcrDigest(selection: PcrSelection, values: PcrValues): Buffer {
  const hash = createHash('sha256');
  for (const pcr of selection.pcrs) {
    const value = values.get(pcr);
    assert(value !== undefined, `a value of PCR ${pcr}`);
    hash.update(value);
  }
  return hash.digest();
}

/** What a PCR holds after a digest was extended into it (TPM 2.0 Library part 1, 17). */
export function extended(bank: PcrBank, value: Buffer, digest: Buffer): Buffer {
  return createHash(bank).update(value).update(digest).digest();
}
