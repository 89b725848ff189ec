// SPDX-License-Identifier: MIT
import type { Handlers } from '../../bus/handler.ts';
import type { RequestBody } from '../../bus/messages.ts';
import { SesameError } from '../../core/errors.ts';
import type { FactorContext, FactorFile } from '../../factors/factor.ts';
import type { Keyring } from '../../factors/keyring.ts';
import { type Approved, approveBoot } from '../../factors/tpm-approval.ts';
import { readTpmEnrolment } from '../../factors/tpm-enrolments.ts';
import type { SecretBytes } from '../../memory/secret-bytes.ts';
import { parsePolicyPart } from '../../tpm/approvals.ts';
import type { BootToApprove } from '../../tpm/authorize.ts';
import { parseEnrolment } from '../../tpm/enrolment.ts';
import { parseBootRecord } from '../../tpm/event-log-record.ts';
import type { Auditor } from './auditor.ts';
import type { TpmBinding } from './tpm-binding.ts';
import type { VaultSet } from './vault-set.ts';

export interface ApprovalHandlersOptions {
  readonly keyring: Keyring;
  readonly vaults: VaultSet;
  readonly binding: TpmBinding;
  readonly auditor: Auditor;
}

/** Answers about the boot states in which the TPM opens a vault. Only an unlocked vault approves one: its key signs. */
export function approvalHandlers(options: ApprovalHandlersOptions): Handlers {
  const { vaults, binding, auditor, keyring } = options;
  return {
    async 'tpm-approvals'({ body: { profile } }) {
      const { selection, authorisation } = readTpmEnrolment(binding.directory, profile);
      const part = parsePolicyPart(profile, authorisation, selection);
      const approvals =
        part.kind === 'pcr' ? [] : part.approvals.map(({ label, counter }) => ({ label, counter: Number(counter) }));
      const now = await binding.tpm.readPcrs(selection);
      const pcrs = [...now].map(([pcr, value]) => ({ pcr, value: value.toString('hex') }));
      return { body: { policy: part.kind, bank: selection.bank, pcrs, approvals } };
    },

    async 'tpm-authorize'({ body, sender }) {
      const { profile } = body;
      await vaults.require(profile);
      const boot = bootOf(body);
      const approve = () => keyring.revise(profile, 'tpm', (context, file) => approved(options, context, file, body.bank, boot));
      const operation = { action: 'tpm-authorize', profile, key: body.label, sender };
      const { bytes, replaced } = await auditor.change(operation, approve);
      return { body: { changed: bytes !== undefined, ...(replaced === undefined ? {} : { replaced }) } };
    },
  };
}

async function approved(
  { vaults, binding, keyring }: ApprovalHandlersOptions,
  context: FactorContext,
  file: FactorFile,
  bank: RequestBody<'tpm-authorize'>['bank'],
  boot: BootToApprove,
): Promise<Approved> {
  const { tpm, allowZeroPcrs } = binding;
  const { profile } = context;
  // While the entry was being written the vault may have been locked.
  const masterKey = vaults.masterKey(profile);
  if (keyring.list(profile).policy !== 'all') {
    return await approveBoot(context, file, { tpm, piece: masterKey, bank, boot, allowZeroPcrs });
  }
  // In `all` mode the factor protects a piece that nobody keeps; the TPM still gives it in this boot state.
  const piece = await unsealedPiece(binding, context, file);
  try {
    return await approveBoot(context, file, { tpm, piece, bank, boot, allowZeroPcrs });
  } finally {
    piece.release();
  }
}

/** @throws SesameError tpm-piece-sealed where no update can be approved, and as the factor's unwrap does */
async function unsealedPiece(binding: TpmBinding, context: FactorContext, file: FactorFile): Promise<SecretBytes> {
  const { factor } = binding;
  const { profile } = context;
  if (parseEnrolment(file.path, file.bytes).hasPin) {
    throw SesameError.of('tpm-piece-sealed', { profile, reason: 'it has a PIN, which is not kept' });
  }
  if (await binding.isCapped()) throw SesameError.of('tpm-piece-sealed', { profile, reason: 'its boot state is capped' });
  const nothing = context.memory.take(Buffer.alloc(0));
  try {
    const piece = await factor.unwrap(context, file, nothing);
    if (piece === undefined) throw SesameError.of('tpm-pin-missing', { profile: context.profile });
    return piece;
  } finally {
    nothing.release();
  }
}

/** @throws SesameError message-invalid */
function bootOf({ values, label, record }: RequestBody<'tpm-authorize'>): BootToApprove {
  const malformed = values.find(({ value }) => !/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/.test(value));
  if (malformed !== undefined) {
    throw SesameError.of('message-invalid', { kind: 'tpm-authorize', reason: `the value of PCR ${malformed.pcr} is none` });
  }
  return {
    values: new Map(values.map(({ pcr, value }) => [pcr, Buffer.from(value, 'hex')])),
    label,
    record: record === undefined ? undefined : parseBootRecord('of the boot to approve', Buffer.from(record)),
  };
}
