// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { tpmKekContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import { writeDurably } from '../linux/files.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { deriveApprovalKey } from '../tpm/authorize-key.ts';
import { parseEnrolment, serialiseEnrolment } from '../tpm/enrolment.ts';
import type { PcrSelection, PcrValues } from '../tpm/pcr-selection.ts';
import type { StoredApprovals } from '../tpm/pending-approvals.ts';
import { observeBoot } from '../tpm/platform-boot.ts';
import { checkPin } from '../tpm/sealed-data.ts';
import { type ObserveBoot, sealKey, unsealKey } from '../tpm/sealed-key.ts';
import type { NewPolicy } from '../tpm/sealed-policy.ts';
import type { Tpm } from '../tpm/tpm.ts';
import { type Factor, type FactorContext, type FactorFile, pieceLength } from './factor.ts';
import { fileMode } from './profile-files.ts';
import { forgetPrevious, isOtherBoot, keepPrevious, readPrevious } from './tpm-previous.ts';
import { checkWrappedKey, unwrapKey, wrapKey } from './wrapped-key.ts';

export interface TpmFactorOptions {
  readonly tpm: Tpm;
  /** What a new seal is bound to. */
  readonly selection: () => PcrSelection;
  readonly allowZeroPcrs: () => boolean;
  /** The values of a boot that nobody has touched yet, given those of now. */
  readonly expected: (now: PcrValues) => PcrValues;
  /** What may open a new seal: the boot state of now alone, or whatever an unlocked vault approves; `pcr` when absent. */
  readonly policy?: () => NewPolicy['kind'];
  /** The approvals of a profile's present file, which a new one takes over where they wait for their reboot. */
  readonly stored?: (profile: string) => StoredApprovals | undefined;
  /** What this machine says of its boot; see observeBoot, which it is when absent. */
  readonly observe?: ObserveBoot;
  /** Told when a vault opens and neither TPM nor file could be brought up to date, which the next unlock tries again. */
  readonly onOutdated?: (profile: string, error: SesameError) => void;
  /** Told of the sealed key of a profile whenever it was made or unsealed. It stays the factor's. */
  readonly onKey: (profile: string, sealedKey: SecretBytes, origin: 'made' | 'unsealed') => Promise<void>;
}

/**
 * Evidence: the PIN, or nothing. The TPM seals 32 random bytes, from which the key-encryption key is derived: what identifies this machine
 * (`tpm-bound`) says nothing about the master key then, and the wrap notices when what was unsealed is not what it was made with.
 */
export function tpmFactor(options: TpmFactorOptions): Factor {
  const { tpm, onKey, observe = observeBoot } = options;
  return {
    id: 'tpm',
    fileSuffix: 'tpm-enrollment',

    label(file) {
      const { selection, hasPin } = parseEnrolment(file.path, file.bytes);
      return `TPM, PCR ${selection.pcrs.join(', ')} (${selection.bank})${hasPin ? ', PIN' : ''}`;
    },

    check(file) {
      const { wrappedKey } = parseEnrolment(file.path, file.bytes);
      checkWrappedKey({ path: file.path, bytes: wrappedKey });
    },

    async wrap(context, evidence, piece) {
      const pin = evidence.length === 0 ? undefined : evidence;
      checkPin(pin);
      const { memory, profile, salt, suite } = context;
      const sealedKey = memory.allocate(pieceLength);
      const approvalKey = deriveApprovalKey(memory, suite.hkdf, profile, piece);
      try {
        randomFillSync(sealedKey.bytes);
        const kind = options.policy?.() ?? 'pcr';
        const policy: NewPolicy = { kind, profile, vault: salt, key: approvalKey, stored: options.stored?.(profile) };
        const { expected } = options;
        const seal = { selection: options.selection(), allowZeroPcrs: options.allowZeroPcrs(), expected, pin, policy, observe };
        const sealed = await tpm.converse((esys) => sealKey(esys, sealedKey, seal));
        await onKey(profile, sealedKey, 'made');
        return serialiseEnrolment({ ...sealed, wrappedKey: withKek(context, sealedKey, (kek) => wrapKey(kek, piece)) });
      } finally {
        approvalKey.release();
        sealedKey.release();
      }
    },

    async unwrap(context, file, evidence) {
      let piece: SecretBytes | undefined;
      try {
        piece = await unwrapFile(options, context, file, evidence, onKey);
      } catch (thrown) {
        const previous = isOtherBoot(thrown) ? readPrevious(file.path) : undefined;
        if (previous === undefined) throw thrown;
        return await unwrapPrevious(options, context, previous, evidence, thrown);
      }
      if (piece !== undefined) bringUpToDate(() => forgetPrevious(file.path), context.profile, options);
      return piece;
    },

    replaces: keepPrevious,
    removed: forgetPrevious,
  };
}

/** @param onKey told of what was unsealed */
async function unwrapFile(
  options: TpmFactorOptions,
  context: FactorContext,
  { path, bytes }: FactorFile,
  evidence: SecretBytes,
  onKey: TpmFactorOptions['onKey'] | undefined,
): Promise<SecretBytes | undefined> {
  const { memory, profile } = context;
  const { tpm, observe = observeBoot } = options;
  const enrolment = parseEnrolment(path, bytes);
  const pin = evidence.length === 0 ? undefined : evidence;
  if (enrolment.hasPin && pin === undefined) throw SesameError.of('tpm-pin-missing', { profile });
  // A PIN where there is none would not be looked at by the TPM: it proves nothing.
  if (!enrolment.hasPin && pin !== undefined) return undefined;
  checkPin(pin);
  const unsealed = await tpm.converse((esys) => unsealKey(esys, enrolment, { memory, profile, path, pin, observe }));
  if (unsealed === undefined) return undefined;
  const { secret: sealedKey, update, unsettled } = unsealed;
  try {
    await onKey?.(profile, sealedKey, 'unsealed');
    const piece = withKek(context, sealedKey, (kek) => unwrapKey(memory, kek, { path, bytes: enrolment.wrappedKey }));
    if (piece === undefined)
      throw SesameError.of('file-damaged', { path, reason: 'what is sealed in it does not open the rest of it' });
    if (unsettled !== undefined) options.onOutdated?.(profile, unsettled);
    if (update !== undefined) {
      const updated = serialiseEnrolment({ ...enrolment, ...update });
      bringUpToDate(() => writeDurably(path, updated, fileMode), profile, options);
    }
    return piece;
  } finally {
    sealedKey.release();
  }
}

/**
 * The seal that the present one replaced and that it has not outlived yet. Its key is not that of the machine any more.
 * @param refusal of the present file, which is what is said when this one does not open either
 */
async function unwrapPrevious(
  options: TpmFactorOptions,
  context: FactorContext,
  previous: FactorFile,
  evidence: SecretBytes,
  refusal: unknown,
): Promise<SecretBytes> {
  let piece: SecretBytes | undefined;
  try {
    piece = await unwrapFile(options, context, previous, evidence, undefined);
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
  }
  if (piece === undefined) throw refusal;
  return piece;
}

/** The vault opens in any case; what could not be written is tried again at the next unlock. */
function bringUpToDate(write: () => void, profile: string, { onOutdated }: TpmFactorOptions): void {
  try {
    write();
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    onOutdated?.(profile, thrown);
  }
}

function withKek<Result>(context: FactorContext, sealedKey: SecretBytes, use: (kek: SecretBytes) => Result): Result {
  const { memory, profile, suite } = context;
  const kek = deriveKey(memory, suite.hkdf, tpmKekContext(profile), sealedKey.bytes);
  try {
    return use(kek);
  } finally {
    kek.release();
  }
}
