// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { TPM_CC } from './constants.ts';
import { type PcrSelection, type PcrValues, pcrDigest, selectionWire } from './pcr-selection.ts';
import { u32 } from './wire.ts';

/*
 * Policy digests worked out here, so that an object can be sealed to values that the PCRs do not have at the moment. The TPM works
 * out the same when a policy session asserts them (TPM 2.0 Library part 3, 23). SHA-256 throughout: sessions and objects use it.
 */
export const emptyPolicy: Buffer = Buffer.alloc(32);

/** After TPM2_PolicyPCR: the selected PCRs have these values. */
export function policyPcr(before: Buffer, selection: PcrSelection, values: PcrValues): Buffer {
  return extend(before, u32(TPM_CC.PolicyPCR), selectionWire(selection), pcrDigest(selection, values));
}

/** After TPM2_PolicyAuthValue: the object's authorisation value, a PIN here, is proved in the same session. */
export function policyAuthValue(before: Buffer): Buffer {
  return extend(before, u32(TPM_CC.PolicyAuthValue));
}

function extend(before: Buffer, ...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha256').update(before);
  for (const part of parts) hash.update(part);
  return hash.digest();
}
