// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { type Esys, esysPassword } from '../linux/tss2/esys.ts';
import { responseOf } from '../linux/tss2/response-code.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { type Approval, approvalOf, type PolicyPart, parsePolicyPart, serialisePolicyPart } from './approvals.ts';
import { revokeOlder } from './authorize.ts';
import { TPM_RC, tpmResponse } from './constants.ts';
import type { TpmEnrolment } from './enrolment.ts';
import {
  type BootState,
  differenceText,
  explainDifference,
  type PcrDifference,
  type RunningBoot,
} from './event-log-explanation.ts';
import { digestBytes, extended, type PcrBank, type PcrSelection, type PcrValues } from './pcr-selection.ts';
import { allZero, extendByEvent, readPcrs } from './pcrs.ts';
import type { ObservedBoot } from './platform-boot.ts';
import { policyAuthValue } from './policy-digest.ts';
import { readProperties } from './properties.ts';
import { seal, unseal } from './sealed-data.ts';
import { type NewPolicy, newPolicy, satisfiablePolicy } from './sealed-policy.ts';
import { endorsementName, enrolledStorageKey, provideStorageKey, type StorageKey } from './storage-key.ts';

/** What the TPM keeps of a factor: everything in its file but what the factor wraps. */
export type SealedKey = Omit<TpmEnrolment, 'wrappedKey'>;

export interface SealOptions {
  readonly selection: PcrSelection;
  /** Seals although nothing measures into any of the PCRs. */
  readonly allowZeroPcrs: boolean;
  readonly pin: SecretBytes | undefined;
  /** The values to seal to, given those of now; the same when nothing is known better. */
  readonly expected: (now: PcrValues) => PcrValues;
  readonly policy: NewPolicy;
  readonly observe: ObserveBoot;
}

/** What this machine says of its boot, see observeBoot. */
export type ObserveBoot = (selection: PcrSelection, values: PcrValues) => ObservedBoot;

/**
 * Seals a key to a boot state or to whoever may approve one, and to a PIN if there is one.
 * @throws SesameError tpm-bank-missing, tpm-pcrs-zero, tpm-owner-protected, tpm-handles-taken, tpm-counters-taken
 */
export async function sealKey(esys: Esys, secret: SecretBytes, options: SealOptions): Promise<SealedKey> {
  const { selection, allowZeroPcrs, pin, expected, policy, observe } = options;
  const now = await readPcrs(esys, selection);
  const values = expected(now);
  if (allZero(values) && !allowZeroPcrs)
    throw SesameError.of('tpm-pcrs-zero', { pcrs: selection.pcrs.join(', '), bank: selection.bank });
  const key = await provideStorageKey(esys);
  const { digest, part } = await newPolicy(esys, key, policy, { selection, values, record: observe(selection, now).record });
  const sealed = await seal(esys, key, pin === undefined ? digest : policyAuthValue(digest), secret, pin);
  const enrolled = { handle: key.handle, name: key.name, endorsementName: await endorsementName(esys) };
  const authorisation = serialisePolicyPart(part, selection);
  return { hasPin: pin !== undefined, key: enrolled, selection, values, sealed, authorisation };
}

export interface UnsealOptions {
  readonly memory: SecretMemory;
  /** For messages. */
  readonly profile: string;
  readonly path: string;
  readonly pin: SecretBytes | undefined;
  readonly observe: ObserveBoot;
}

export interface Unsealed {
  /** In secret memory; the caller releases it. */
  readonly secret: SecretBytes;
  /** What the file should say from now on, when a boot state has unsealed that was approved after the one before. */
  readonly update: Pick<TpmEnrolment, 'values' | 'authorisation'> | undefined;
  /** Why the TPM could not revoke what is older, which the next unlock tries again. */
  readonly unsettled: SesameError | undefined;
}

/**
 * The sealed key.
 * @returns undefined when the PIN is wrong
 * @throws SesameError tpm-policy-failed, tpm-policy-mismatched, tpm-approval-revoked, tpm-capped, tpm-locked-out, tpm-replaced,
 *   tpm-cleared, tpm-counter-replaced
 */
export async function unsealKey(esys: Esys, enrolment: SealedKey, options: UnsealOptions): Promise<Unsealed | undefined> {
  const { memory, profile, path, pin } = options;
  const { selection } = enrolment;
  const part = parsePolicyPart(path, enrolment.authorisation, selection);
  const key = await enrolledStorageKey(esys, path, enrolment.key);
  const policy = satisfiablePolicy(esys, part, { profile, selection, now: await readPcrs(esys, selection) });
  if (policy === undefined) throw await policyFailure(esys, enrolment, part, options);
  const assertPolicy = async (session: number): Promise<void> => {
    await policy.assert(session);
    if (enrolment.hasPin) await esys.run('PolicyAuthValue', session, []);
  };
  let secret: SecretBytes | undefined;
  try {
    secret = await unseal(esys, memory, key, enrolment.sealed, assertPolicy, pin);
  } catch (thrown) {
    throw await explained(esys, enrolment, part, options, thrown);
  }
  if (secret === undefined) return undefined;
  try {
    return { secret, update: await settle(esys, key, enrolment, part, policy.approval), unsettled: undefined };
  } catch (thrown) {
    if (thrown instanceof SesameError && isBusy(thrown)) return { secret, update: undefined, unsettled: thrown };
    secret.release();
    throw thrown;
  }
}

/** Whether the TPM's NV memory takes no write for the moment: it was written too often, or it is locked until the next boot. */
function isBusy(error: SesameError): boolean {
  const response = tpmResponse(responseOf(error));
  return response === TPM_RC.NV_RATE || response === TPM_RC.NV_UNAVAILABLE || response === TPM_RC.NV_LOCKED;
}

/** Notes that an approved boot state works: the TPM revokes what was approved before it. */
async function settle(
  esys: Esys,
  key: StorageKey,
  { selection, values }: SealedKey,
  part: PolicyPart,
  used: Approval | undefined,
): Promise<Unsealed['update']> {
  if (part.kind === 'pcr' || used === undefined) return undefined;
  const left = await revokeOlder(esys, key, part, used);
  const isNewState = [...used.values].some(([pcr, value]) => values.get(pcr)?.equals(value) !== true);
  if (left === undefined && !isNewState) return undefined;
  return { values: used.values, authorisation: serialisePolicyPart({ kind: 'authorize', ...(left ?? part) }, selection) };
}

/** What the TPM's refusal means. */
async function explained(
  esys: Esys,
  enrolment: SealedKey,
  part: PolicyPart,
  options: UnsealOptions,
  thrown: unknown,
): Promise<unknown> {
  switch (tpmResponse(responseOf(thrown))) {
    case TPM_RC.LOCKOUT:
      return await lockout(esys);
    case TPM_RC.POLICY:
      return SesameError.of('tpm-approval-revoked', { profile: options.profile }, thrown);
    case TPM_RC.POLICY_FAIL:
    case TPM_RC.VALUE:
      return await policyFailure(esys, enrolment, part, options);
    default:
      return thrown;
  }
}

/**
 * The PCRs that do not have the value that a key was sealed to, ascending; none where the boot state of now is approved.
 * @throws SesameError file-damaged, file-too-new, naming the file as "the enrolment"
 */
export function changedPcrs({ values, authorisation, selection }: SealedKey, now: PcrValues): number[] {
  const part = parsePolicyPart('the enrolment', authorisation, selection);
  if (part.kind === 'authorize' && approvalOf(part, now) !== undefined) return [];
  return [...values].filter(([pcr, value]) => now.get(pcr)?.equals(value) !== true).map(([pcr]) => pcr);
}

async function policyFailure(
  esys: Esys,
  { selection, values }: SealedKey,
  part: PolicyPart,
  { profile, path, observe }: UnsealOptions,
): Promise<SesameError> {
  const now = await readPcrs(esys, selection);
  const { platform, problem, ...observed } = observe(selection, now);
  const found: RunningBoot = { values: now, ...observed };
  const { bank } = selection;
  const candidates: BootState[] = part.kind === 'pcr' ? [{ values, record: part.record }] : [...part.approvals];
  const explanations = candidates.map((expected) => ({
    expected,
    differences: explainDifference(expected, found, { platform, bank }),
  }));
  // The newest of those that this boot differs least from is what somebody meant to boot.
  const nearest = explanations.reduce((best, one) => (one.differences.length <= best.differences.length ? one : best));
  if (nearest.differences.length === 0) return SesameError.of('tpm-policy-mismatched', { profile, path });
  const isCap = ({ pcr }: PcrDifference) => beforeCap(bank, now.get(pcr), [nearest.expected.values.get(pcr)]) !== undefined;
  if (nearest.differences.every(isCap)) return SesameError.of('tpm-capped', { profile });
  const changed = nearest.differences.map(differenceText).join('; ');
  return SesameError.of('tpm-policy-failed', {
    profile,
    changed: problem === undefined ? changed : `${changed} (${problem})`,
    bank,
  });
}

async function lockout(esys: Esys): Promise<SesameError> {
  const { tries, intervalSeconds } = (await readProperties(esys)).dictionaryAttack;
  return SesameError.of('tpm-locked-out', { tries, seconds: intervalSeconds });
}

/** The event that caps a boot state. No secret: who could undo it would need to reboot. */
const capEvent = Buffer.from('open-sesame: the boot state is capped');

function capDigest(bank: PcrBank): Buffer {
  return createHash(bank).update(capEvent).digest();
}

/** Extends a PCR in every bank, so that what was sealed to its value in any of them cannot be unsealed until the next boot. */
export async function capBootState(esys: Esys, pcr: number): Promise<void> {
  await extendByEvent(esys, pcr, capEvent, esysPassword);
}

/** The value that a PCR had before it was capped, if it is one of these. */
export function beforeCap(
  bank: PcrBank,
  now: Buffer | undefined,
  candidates: readonly (Buffer | undefined)[],
): Buffer | undefined {
  return candidates.find((value) => value?.length === digestBytes(bank) && now?.equals(extended(bank, value, capDigest(bank))));
}
