// SPDX-License-Identifier: MIT
import type { Esys } from '../linux/tss2/esys.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { type Approval, approvalOf, type PolicyPart } from './approvals.ts';
import { assertApproved, newAuthorisation } from './authorize.ts';
import { approvalPublicKey } from './authorize-key.ts';
import { authorizedPolicy } from './authorize-policy.ts';
import type { BootRecord } from './event-log-record.ts';
import { provideCounter, readCounter } from './nv-counter.ts';
import { type PcrSelection, type PcrValues, selectionWire } from './pcr-selection.ts';
import { highestApproval, pendingApprovals, refuseLoss, type StoredApprovals } from './pending-approvals.ts';
import { emptyPolicy, policyPcr } from './policy-digest.ts';
import type { StorageKey } from './storage-key.ts';

/** What may open a new seal: the boot state of now alone, or every one that this key approves. */
export interface NewPolicy {
  readonly kind: 'pcr' | 'authorize';
  readonly profile: string;
  /** What tells this vault from every other, not secret. */
  readonly vault: Buffer;
  /** From deriveApprovalKey; stays the caller's. */
  readonly key: SecretBytes;
  /** Those of the seal that the new one replaces, if it has any. */
  readonly stored: StoredApprovals | undefined;
}

/** The boot state that a seal is for. */
export interface SealedBoot {
  readonly selection: PcrSelection;
  readonly values: PcrValues;
  readonly record: BootRecord | undefined;
}

/**
 * The policy of a new seal: its digest, without a PIN, and what the enrolment notes of it. An approval that waits for its reboot goes on.
 * @throws SesameError tpm-counters-taken, tpm-owner-protected, tpm-approval-pending when it cannot go on
 */
export async function newPolicy(
  esys: Esys,
  storageKey: StorageKey,
  wanted: NewPolicy,
  { selection, values, record }: SealedBoot,
): Promise<{ readonly digest: Buffer; readonly part: PolicyPart }> {
  const { profile, vault, key, stored } = wanted;
  const approver = { profile, selection, key };
  const isFixed = wanted.kind === 'pcr';
  const counter = isFixed && stored === undefined ? undefined : await provideCounter(esys, 'approvals', vault);
  const present = counter && { counter, value: await readCounter(esys, storageKey, counter) };
  const pending = stored && present ? pendingApprovals(approver, stored, present, values) : [];
  if (isFixed || present === undefined) {
    refuseLoss(profile, pending);
    return { digest: policyPcr(emptyPolicy, selection, values), part: { kind: 'pcr', record } };
  }
  const boots = [{ values, record, label: 'the boot state at enrolment' }, ...pending];
  const first = highestApproval(approver, stored, present) + 1n;
  const authorisation = newAuthorisation(approver, present.counter, first, boots);
  return { digest: authorizedPolicy(approvalPublicKey(key), profile), part: { kind: 'authorize', ...authorisation } };
}

/** A policy that this boot state can satisfy, as far as can be told without the TPM. */
export interface SatisfiablePolicy {
  /** The approval in use, where approvals are. */
  readonly approval: Approval | undefined;
  assert(session: number): Promise<void>;
}

/** @returns undefined when no approval is for these PCR values */
export function satisfiablePolicy(
  esys: Esys,
  part: PolicyPart,
  { profile, selection, now }: { readonly profile: string; readonly selection: PcrSelection; readonly now: PcrValues },
): SatisfiablePolicy | undefined {
  if (part.kind === 'pcr') {
    // The digest is left to the TPM, which then compares the whole policy: it is the one to refuse.
    const assert = async (session: number): Promise<void> => {
      await esys.run('PolicyPCR', session, [], Buffer.alloc(2), selectionWire(selection));
    };
    return { approval: undefined, assert };
  }
  const approval = approvalOf(part, now);
  if (approval === undefined) return undefined;
  return { approval, assert: (session) => assertApproved(esys, session, part, { profile, selection, approval }) };
}
