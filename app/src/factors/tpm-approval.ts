// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { type Authorisation, isSameBoot, parsePolicyPart, serialisePolicyPart } from '../tpm/approvals.ts';
import { type Approver, type BootToApprove, isGenuine, withApproval } from '../tpm/authorize.ts';
import { approvalPublicKey, deriveApprovalKey } from '../tpm/authorize-key.ts';
import { parseEnrolment, serialiseEnrolment } from '../tpm/enrolment.ts';
import { isCounterOf, readCounter } from '../tpm/nv-counter.ts';
import { digestBytes, type PcrBank } from '../tpm/pcr-selection.ts';
import { allZero } from '../tpm/pcrs.ts';
import { enrolledStorageKey } from '../tpm/storage-key.ts';
import type { Tpm } from '../tpm/tpm.ts';
import type { FactorContext, FactorFile } from './factor.ts';

/** What became of an approval. */
export interface Approved {
  /** The enrolment's new content; undefined when this boot state was the last one to be approved already. */
  readonly bytes: Buffer | undefined;
  /** Label of an approval that was never used and made room. */
  readonly replaced: string | undefined;
}

export interface ApprovalRequest {
  readonly tpm: Tpm;
  /** What the factor protects: it makes the key that approves. Stays the caller's. */
  readonly piece: SecretBytes;
  readonly bank: PcrBank;
  readonly boot: BootToApprove;
  /** Approves although nothing measures into any of the PCRs. */
  readonly allowZeroPcrs: boolean;
}

/**
 * Approves a boot state in the file of a TPM factor. The file is not believed: which PCRs and which counter the new approval is for must
 * follow from approvals that this vault has signed.
 * @throws SesameError tpm-policy-fixed, tpm-approval-key-wrong, tpm-approvals-forged, tpm-boot-unfit, tpm-pcrs-zero, file-damaged,
 *   file-too-new, and those of the TPM
 */
export async function approveBoot(context: FactorContext, file: FactorFile, request: ApprovalRequest): Promise<Approved> {
  const { memory, profile, salt, suite } = context;
  const { path } = file;
  const enrolment = parseEnrolment(path, file.bytes);
  const { selection } = enrolment;
  const part = parsePolicyPart(path, enrolment.authorisation, selection);
  if (part.kind === 'pcr') throw SesameError.of('tpm-policy-fixed', { profile });
  const { boot, bank, tpm } = request;
  const isFit = (value: Buffer | undefined) => value?.length === digestBytes(bank);
  const fits = bank === selection.bank && selection.pcrs.every((pcr) => isFit(boot.values.get(pcr)));
  if (!fits) throw SesameError.of('tpm-boot-unfit', { profile, selection: `${selection.bank}:${selection.pcrs.join(',')}` });
  const values = new Map([...boot.values].filter(([pcr]) => selection.pcrs.includes(pcr)));
  if (allZero(values) && !request.allowZeroPcrs) {
    throw SesameError.of('tpm-pcrs-zero', { pcrs: selection.pcrs.join(', '), bank });
  }

  const key = deriveApprovalKey(memory, suite.hkdf, profile, request.piece);
  const approver = { profile, selection, key };
  try {
    requireGenuine(approver, part, salt);
    const value = await tpm.converse(async (esys) =>
      readCounter(esys, await enrolledStorageKey(esys, path, enrolment.key), part.counter),
    );
    if (part.approvals.every((one) => one.counter < value))
      throw forged(profile, 'there are only revoked approvals, of an older state,');
    const last = part.approvals.at(-1);
    const isApproved = last !== undefined && last.counter >= value && isSameBoot(last.values, values);
    if (isApproved) return { bytes: undefined, replaced: undefined };
    const approved = withApproval(approver, part, value, { ...boot, values });
    const authorisation = serialisePolicyPart({ kind: 'authorize', ...approved }, selection);
    const displaced = part.approvals.find((one) => one.counter > value && !approved.approvals.includes(one));
    return { bytes: serialiseEnrolment({ ...enrolment, authorisation }), replaced: displaced?.label };
  } finally {
    key.release();
  }
}

/** @throws SesameError tpm-approval-key-wrong, tpm-approvals-forged */
function requireGenuine(approver: Approver, part: Authorisation, vault: Buffer): void {
  const { profile, key } = approver;
  if (!approvalPublicKey(key).equals(part.publicKey)) throw SesameError.of('tpm-approval-key-wrong', { profile });
  if (!isCounterOf(part.counter, 'approvals', vault)) throw forged(profile, 'there is a counter that is not of this vault');
  const isSigned = part.approvals.every((one) => isGenuine(approver, part.counter, one));
  if (!isSigned) throw forged(profile, 'there is a boot state that its vault never approved');
}

function forged(profile: string, what: string): SesameError {
  return SesameError.of('tpm-approvals-forged', { profile, what });
}
