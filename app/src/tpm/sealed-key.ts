// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { type Esys, esysPassword } from '../linux/tss2/esys.ts';
import { responseOf } from '../linux/tss2/response-code.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { TPM_RC, tpmResponse } from './constants.ts';
import type { TpmEnrolment } from './enrolment.ts';
import {
  digestBytes,
  extended,
  type PcrBank,
  type PcrSelection,
  type PcrValues,
  pcrSelection,
  selectionWire,
} from './pcr-selection.ts';
import { allZero, extendPcr, readPcrs } from './pcrs.ts';
import { emptyPolicy, policyAuthValue, policyPcr } from './policy-digest.ts';
import { readProperties } from './properties.ts';
import { seal, unseal } from './sealed-data.ts';
import { endorsementName, enrolledStorageKey, provideStorageKey } from './storage-key.ts';

/** What the TPM keeps of a factor: everything in its file but what the factor wraps. */
export type SealedKey = Omit<TpmEnrolment, 'wrappedKey'>;

export interface SealOptions {
  readonly selection: PcrSelection;
  /** Seals although nothing measures into any of the PCRs. */
  readonly allowZeroPcrs: boolean;
  readonly pin: SecretBytes | undefined;
  /** The values to seal to, given those of now; the same when nothing is known better. */
  readonly expected: (now: PcrValues) => PcrValues;
}

/**
 * Seals a key to PCR values, and to a PIN if there is one.
 * @throws SesameError tpm-bank-missing, tpm-pcrs-zero, tpm-owner-protected, tpm-handles-taken
 */
export async function sealKey(esys: Esys, secret: SecretBytes, options: SealOptions): Promise<SealedKey> {
  const { selection, allowZeroPcrs, pin, expected } = options;
  const values = expected(await readPcrs(esys, selection));
  if (allZero(values) && !allowZeroPcrs)
    throw SesameError.of('tpm-pcrs-zero', { pcrs: selection.pcrs.join(', '), bank: selection.bank });
  const key = await provideStorageKey(esys);
  const policy = policyPcr(emptyPolicy, selection, values);
  const sealed = await seal(esys, key, pin === undefined ? policy : policyAuthValue(policy), secret, pin);
  const enrolled = { handle: key.handle, name: key.name, endorsementName: await endorsementName(esys) };
  return { hasPin: pin !== undefined, key: enrolled, selection, values, sealed, authorisation: Buffer.alloc(0) };
}

export interface UnsealOptions {
  readonly memory: SecretMemory;
  /** For messages. */
  readonly profile: string;
  readonly path: string;
  readonly pin: SecretBytes | undefined;
}

/**
 * The sealed key, in secret memory.
 * @returns undefined when the PIN is wrong
 * @throws SesameError tpm-policy-failed, tpm-policy-mismatched, tpm-capped, tpm-locked-out, tpm-replaced, tpm-cleared
 */
export async function unsealKey(esys: Esys, enrolment: SealedKey, options: UnsealOptions): Promise<SecretBytes | undefined> {
  const { memory, path, pin } = options;
  const key = await enrolledStorageKey(esys, path, enrolment.key);
  const assertPolicy = async (session: number): Promise<void> => {
    await esys.run('PolicyPCR', session, [], Buffer.alloc(2), selectionWire(enrolment.selection));
    if (enrolment.hasPin) await esys.run('PolicyAuthValue', session, []);
  };
  try {
    return await unseal(esys, memory, key, enrolment.sealed, assertPolicy, pin);
  } catch (thrown) {
    const response = tpmResponse(responseOf(thrown));
    if (response === TPM_RC.POLICY_FAIL) throw await policyFailure(esys, enrolment, options);
    if (response === TPM_RC.LOCKOUT) throw await lockout(esys);
    throw thrown;
  }
}

/** The PCRs that do not have the value that a key was sealed to, ascending. */
export function changedPcrs({ values }: SealedKey, now: PcrValues): number[] {
  return [...values].filter(([pcr, value]) => now.get(pcr)?.equals(value) !== true).map(([pcr]) => pcr);
}

async function policyFailure(esys: Esys, enrolment: SealedKey, { profile, path }: UnsealOptions): Promise<SesameError> {
  const { selection, values } = enrolment;
  const now = await readPcrs(esys, selection);
  const changed = changedPcrs(enrolment, now);
  if (changed.length === 0) return SesameError.of('tpm-policy-mismatched', { profile, path });
  const isCapped = changed.every((pcr) => beforeCap(selection.bank, now.get(pcr), [values.get(pcr)]) !== undefined);
  if (isCapped) return SesameError.of('tpm-capped', { profile });
  return SesameError.of('tpm-policy-failed', { profile, pcrs: changed.join(', '), bank: selection.bank });
}

async function lockout(esys: Esys): Promise<SesameError> {
  const { tries, intervalSeconds } = (await readProperties(esys)).dictionaryAttack;
  return SesameError.of('tpm-locked-out', { tries, seconds: intervalSeconds });
}

/** What is extended into a PCR when the boot state is capped. No secret: who could undo it would need to reboot. */
function capDigest(bank: PcrBank): Buffer {
  return createHash(bank).update('open-sesame: the boot state is capped').digest();
}

/** Extends a PCR, so that what was sealed to its value cannot be unsealed until the next boot. */
export async function capBootState(esys: Esys, bank: PcrBank, pcr: number): Promise<void> {
  await extendPcr(esys, pcrSelection(bank, [pcr]), capDigest(bank), esysPassword);
}

/** The value that a PCR had before it was capped, if it is one of these. */
export function beforeCap(
  bank: PcrBank,
  now: Buffer | undefined,
  candidates: readonly (Buffer | undefined)[],
): Buffer | undefined {
  return candidates.find((value) => value?.length === digestBytes(bank) && now?.equals(extended(bank, value, capDigest(bank))));
}
