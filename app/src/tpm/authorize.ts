// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { type Esys, esysOwner, esysPassword } from '../linux/tss2/esys.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { Approval, Authorisation } from './approvals.ts';
import { approvalPublicKey, signApproval, verifyApproval } from './authorize-key.ts';
import {
  approvalKeyPublic,
  approvalOperand,
  approvalReference,
  approvalSignature,
  approvedPolicy,
  nameOf,
  unsignedLessOrEqual,
} from './authorize-policy.ts';
import { counterObject, incrementCounter, type NvCounter, readCounter } from './nv-counter.ts';
import { type PcrSelection, selectionWire } from './pcr-selection.ts';
import type { StorageKey } from './storage-key.ts';
import { sized } from './wire.ts';

/** A boot state that is to be approved. */
export type BootToApprove = Pick<Approval, 'values' | 'label' | 'record'>;

/** Signs approvals of one profile. */
export interface Approver {
  readonly profile: string;
  readonly selection: PcrSelection;
  /** From deriveApprovalKey; stays the caller's. */
  readonly key: SecretBytes;
}

/**
 * An authorisation that approves the first boot state, which is that of now when a factor is enrolled, and perhaps the next one.
 * @param first the number of the first approval. One above the counter lets the first unlock revoke whatever was approved before.
 */
export function newAuthorisation(
  approver: Approver,
  counter: NvCounter,
  first: bigint,
  boots: readonly BootToApprove[],
): Authorisation {
  const publicKey = approvalPublicKey(approver.key);
  return { publicKey, counter, approvals: boots.map((boot, index) => approval(approver, counter, first + BigInt(index), boot)) };
}

/** Whether the approver made an approval, for these PCRs and this counter: what a file says is not believed otherwise. */
export function isGenuine({ profile, selection, key }: Approver, counter: NvCounter, one: Approval): boolean {
  const policy = approvedPolicy(selection, one.values, counter.name, one.counter);
  return verifyApproval(approvalPublicKey(key), Buffer.concat([policy, approvalReference(profile)]), one.signature);
}

/**
 * Approves a further boot state. The state in use stays approved until the new one has unsealed once; what was approved before and never
 * used makes room.
 * @param value of the counter
 */
export function withApproval(
  approver: Approver,
  authorisation: Authorisation,
  value: bigint,
  boot: BootToApprove,
): Authorisation {
  const { counter, approvals } = authorisation;
  let highest = value;
  for (const one of approvals) if (one.counter > highest) highest = one.counter;
  const inUse = approvals.filter((one) => one.counter >= value).slice(0, 1);
  return { ...authorisation, approvals: [...inUse, approval(approver, counter, highest + 1n, boot)] };
}

function approval({ profile, selection, key }: Approver, counter: NvCounter, value: bigint, boot: BootToApprove): Approval {
  const policy = approvedPolicy(selection, boot.values, counter.name, value);
  const signature = signApproval(key, Buffer.concat([policy, approvalReference(profile)]));
  return { ...boot, counter: value, signature };
}

/**
 * Asserts on a policy session that the running boot state is approved: PolicyPCR, PolicyNV, PolicyAuthorize.
 * @throws SesameError tpm-counter-replaced; tpm-command-failed: TPM_RC.POLICY at PolicyNV when the approval was revoked
 */
export async function assertApproved(
  esys: Esys,
  session: number,
  { publicKey, counter }: Authorisation,
  { profile, selection, approval: given }: { profile: string; selection: PcrSelection; approval: Approval },
): Promise<void> {
  const index = await counterObject(esys, counter);
  // Without a digest the TPM takes the values that its PCRs have.
  await esys.run('PolicyPCR', session, [], undefined, selectionWire(selection));
  await esys.run(
    'PolicyNV',
    index,
    index,
    session,
    [esysPassword],
    sized(approvalOperand(given.counter)),
    0,
    unsignedLessOrEqual,
  );
  const policy = approvedPolicy(selection, given.values, counter.name, given.counter);
  const reference = approvalReference(profile);
  const ticket = await verify(esys, publicKey, Buffer.concat([policy, reference]), given.signature);
  const keyName = nameOf(approvalKeyPublic(publicKey).subarray(2));
  await esys.run('PolicyAuthorize', session, [], sized(policy), sized(reference), sized(keyName), ticket);
}

/** The TPM's own word that a signature is right, which PolicyAuthorize asks for. */
async function verify(esys: Esys, publicKey: Buffer, message: Buffer, signature: Buffer): Promise<Buffer> {
  const [key] = await esys.run('LoadExternal', [], undefined, approvalKeyPublic(publicKey), esysOwner);
  try {
    const digest = createHash('sha256').update(message).digest();
    const [ticket] = await esys.run('VerifySignature', key, [], sized(digest), approvalSignature(signature));
    return ticket;
  } finally {
    await esys.flush(key);
  }
}

/**
 * Called when a boot state has unsealed: what was approved before it is revoked, in the TPM first. A power cut in between leaves an
 * approval in the file that the TPM no longer honours.
 * @returns the authorisation without what was revoked, or undefined when it has nothing to lose
 */
export async function revokeOlder(
  esys: Esys,
  key: StorageKey,
  authorisation: Authorisation,
  used: Approval,
): Promise<Authorisation | undefined> {
  const { counter, approvals } = authorisation;
  // Also when there is one approval alone: a new seal counts on it, and who has the disk can take the others out of the file.
  for (let value = await readCounter(esys, key, counter); value < used.counter; value += 1n) {
    await incrementCounter(esys, key, counter);
  }
  const left = approvals.filter((one) => one.counter >= used.counter);
  return left.length === approvals.length ? undefined : { ...authorisation, approvals: left };
}
