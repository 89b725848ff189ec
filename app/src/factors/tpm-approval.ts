// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { parsePolicyPart, serialisePolicyPart } from '../tpm/approvals.ts';
import { type BootToApprove, withApproval } from '../tpm/authorize.ts';
import { approvalPublicKey, deriveApprovalKey } from '../tpm/authorize-key.ts';
import { parseEnrolment, serialiseEnrolment } from '../tpm/enrolment.ts';
import { readCounter } from '../tpm/nv-counter.ts';
import type { PcrBank, PcrValues } from '../tpm/pcr-selection.ts';
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
}

/**
 * Approves a boot state in the file of a TPM factor.
 * @throws SesameError tpm-policy-fixed, tpm-approval-key-wrong, tpm-boot-unfit, file-damaged, file-too-new, and those of the TPM
 */
export async function approveBoot(context: FactorContext, file: FactorFile, request: ApprovalRequest): Promise<Approved> {
  const { memory, profile, suite } = context;
  const { path } = file;
  const enrolment = parseEnrolment(path, file.bytes);
  const { selection } = enrolment;
  const part = parsePolicyPart(path, enrolment.authorisation, selection);
  if (part.kind === 'pcr') throw SesameError.of('tpm-policy-fixed', { profile });
  const { boot, bank, tpm } = request;
  const fits = bank === selection.bank && selection.pcrs.every((pcr) => boot.values.has(pcr));
  if (!fits) throw SesameError.of('tpm-boot-unfit', { profile, selection: `${selection.bank}:${selection.pcrs.join(',')}` });

  const last = part.approvals.at(-1);
  if (last !== undefined && isSame(last.values, boot.values)) return { bytes: undefined, replaced: undefined };
  const key = deriveApprovalKey(memory, suite.hkdf, profile, request.piece);
  try {
    if (!approvalPublicKey(key).equals(part.publicKey)) throw SesameError.of('tpm-approval-key-wrong', { profile });
    const value = await tpm.converse(async (esys) =>
      readCounter(esys, await enrolledStorageKey(esys, path, enrolment.key), part.counter),
    );
    const approved = withApproval({ profile, selection, key }, part, value, boot);
    const authorisation = serialisePolicyPart({ kind: 'authorize', ...approved }, selection);
    const displaced = part.approvals.find((one) => one.counter > value && !approved.approvals.includes(one));
    return { bytes: serialiseEnrolment({ ...enrolment, authorisation }), replaced: displaced?.label };
  } finally {
    key.release();
  }
}

function isSame(one: PcrValues, other: PcrValues): boolean {
  return [...one].every(([pcr, value]) => other.get(pcr)?.equals(value) === true);
}
