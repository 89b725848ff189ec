// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { type Approval, type Authorisation, isSameBoot } from './approvals.ts';
import { type Approver, isGenuine } from './authorize.ts';
import { approvalPublicKey } from './authorize-key.ts';
import type { NvCounter } from './nv-counter.ts';
import type { PcrSelection, PcrValues } from './pcr-selection.ts';

/** Approvals as a file has them: nobody vouches for them. */
export interface StoredApprovals {
  readonly selection: PcrSelection;
  readonly authorisation: Authorisation;
}

/** The vault's counter in the TPM. */
export interface PresentCounter {
  readonly counter: NvCounter;
  readonly value: bigint;
}

/**
 * The approvals that wait for their reboot, to be signed anew with a new seal. That of now is none of them, and what the approver did not
 * sign is none at all.
 * @param now the PCR values that the new seal is for
 * @throws SesameError tpm-approval-pending when there are some and the new seal has other PCRs or another key. The new key cannot tell then
 *   whether the vault made them.
 */
export function pendingApprovals(
  approver: Approver,
  stored: StoredApprovals,
  { counter, value }: PresentCounter,
  now: PcrValues,
): readonly Approval[] {
  const { authorisation, selection } = stored;
  const [inUse, ...later] = authorisation.approvals;
  if (inUse === undefined || !authorisation.counter.name.equals(counter.name)) return [];
  const isWaiting = ({ counter: number, values }: Approval) =>
    number > value && number > inUse.counter && !isSameBoot(values, inUse.values) && !isSameBoot(values, now);
  const waiting = later.filter(isWaiting);
  if (!isSigner(approver, authorisation)) return refuseLoss(approver.profile, waiting);
  const genuine = waiting.filter((one) => isGenuine({ ...approver, selection }, counter, one));
  const isSameSelection = selection.bank === approver.selection.bank && isSameList(selection.pcrs, approver.selection.pcrs);
  return isSameSelection ? genuine : refuseLoss(approver.profile, genuine);
}

/** @throws SesameError tpm-approval-pending unless there is nothing to lose */
export function refuseLoss(profile: string, pending: readonly Approval[]): [] {
  const [first] = pending;
  if (first !== undefined) throw SesameError.of('tpm-approval-pending', { profile, label: first.label });
  return [];
}

/** The highest number of an approval that may still count: what is approved above it outlives them all. */
export function highestApproval(
  approver: Approver,
  stored: StoredApprovals | undefined,
  { counter, value }: PresentCounter,
): bigint {
  if (stored === undefined || !isSigner(approver, stored.authorisation)) return value;
  let highest = value;
  for (const one of stored.authorisation.approvals) {
    if (one.counter > highest && isGenuine({ ...approver, selection: stored.selection }, counter, one)) highest = one.counter;
  }
  return highest;
}

function isSigner({ key }: Approver, { publicKey }: Authorisation): boolean {
  return approvalPublicKey(key).equals(publicKey);
}

function isSameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((pcr, index) => pcr === other[index]);
}
