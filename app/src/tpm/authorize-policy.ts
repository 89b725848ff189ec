// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { assert } from '../core/errors.ts';
import { approvalKeyLength, approvalSignatureLength } from './authorize-key.ts';
import { TPM_ALG, TPM_ECC_NIST_P256 } from './constants.ts';
import type { PcrSelection, PcrValues } from './pcr-selection.ts';
import { emptyPolicy, policyPcr } from './policy-digest.ts';
import { sized, u16, u32 } from './wire.ts';

/** Command codes, as policies digest them (TPM 2.0 Library part 2, 6.5.2). */
const TPM_CC_PolicyNV = 0x149;
const TPM_CC_PolicyAuthorize = 0x16a;

const TPM_ALG_ECDSA = 0x0018;
const TPMA_OBJECT_sign = 0x0004_0000;
const TPMA_OBJECT_userWithAuth = 0x0000_0040;

/** TPM_EO_UNSIGNED_LE: what the index holds is not above the operand. */
export const unsignedLessOrEqual = 0x0009;

/** An approval holds as long as the counter is not above this. */
export function approvalOperand(counter: bigint): Buffer {
  const operand = Buffer.alloc(8);
  operand.writeBigUInt64BE(counter);
  return operand;
}

/** TPM2B_PUBLIC of the public half of an approval key. @param point x || y */
export function approvalKeyPublic(point: Buffer): Buffer {
  assert(point.length === approvalKeyLength, 'a point on P-256');
  const half = approvalKeyLength / 2;
  return sized(
    ...[u16(TPM_ALG.ECC), u16(TPM_ALG.SHA256), u32(TPMA_OBJECT_sign | TPMA_OBJECT_userWithAuth), sized()],
    ...[u16(TPM_ALG.NULL), u16(TPM_ALG_ECDSA), u16(TPM_ALG.SHA256), u16(TPM_ECC_NIST_P256), u16(TPM_ALG.NULL)],
    ...[sized(point.subarray(0, half)), sized(point.subarray(half))],
  );
}

/** TPMT_SIGNATURE. @param signature r || s */
export function approvalSignature(signature: Buffer): Buffer {
  assert(signature.length === approvalSignatureLength, 'a signature on P-256');
  const half = approvalSignatureLength / 2;
  return Buffer.concat([
    ...[u16(TPM_ALG_ECDSA), u16(TPM_ALG.SHA256)],
    ...[sized(signature.subarray(0, half)), sized(signature.subarray(half))],
  ]);
}

/** The name of an object or NV index: the algorithm and the hash of its public area (TPM 2.0 Library part 1, 16). */
export function nameOf(publicArea: Buffer): Buffer {
  return Buffer.concat([u16(TPM_ALG.SHA256), createHash('sha256').update(publicArea).digest()]);
}

/** Keeps approvals for one profile from counting for another one's seal. */
export function approvalReference(profile: string): Buffer {
  return createHash('sha256').update(`open-sesame approval ${profile}`).digest();
}

/** The policy that an approval approves: these PCR values, and a counter that is not above the approval's. */
export function approvedPolicy(selection: PcrSelection, values: PcrValues, counterName: Buffer, counter: bigint): Buffer {
  const pcr = policyPcr(emptyPolicy, selection, values);
  const offset = 0;
  const comparison = createHash('sha256').update(approvalOperand(counter)).update(u16(offset)).update(u16(unsignedLessOrEqual));
  return digest(pcr, u32(TPM_CC_PolicyNV), comparison.digest(), counterName);
}

/** The policy of a seal that is opened by whatever the key has approved (TPM 2.0 Library part 3, 23.16). */
export function authorizedPolicy(point: Buffer, profile: string): Buffer {
  const keyName = nameOf(approvalKeyPublic(point).subarray(2));
  return digest(digest(emptyPolicy, u32(TPM_CC_PolicyAuthorize), keyName), approvalReference(profile));
}

function digest(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
