// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto';
import { SesameError } from '../core/errors.ts';
import { tpmKekContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { parseEnrolment, serialiseEnrolment } from '../tpm/enrolment.ts';
import type { PcrSelection, PcrValues } from '../tpm/pcr-selection.ts';
import { checkPin } from '../tpm/sealed-data.ts';
import { sealKey, unsealKey } from '../tpm/sealed-key.ts';
import type { Tpm } from '../tpm/tpm.ts';
import { type Factor, type FactorContext, pieceLength } from './factor.ts';
import { checkWrappedKey, unwrapKey, wrapKey } from './wrapped-key.ts';

export interface TpmFactorOptions {
  readonly tpm: Tpm;
  /** What a new seal is bound to. */
  readonly selection: () => PcrSelection;
  readonly allowZeroPcrs: () => boolean;
  /** The values of a boot that nobody has touched yet, given those of now. */
  readonly expected: (now: PcrValues) => PcrValues;
  /** Told of the sealed key of a profile whenever it was made or unsealed, before it is used. It stays the factor's. */
  readonly onKey: (profile: string, sealedKey: SecretBytes) => void;
}

/**
 * Evidence: the PIN, or nothing. The TPM seals 32 random bytes, from which the key-encryption key is derived; so the file can be wrapped
 * anew without the TPM, and what identifies this machine (`tpm-bound`) does not change with the master key.
 */
export function tpmFactor(options: TpmFactorOptions): Factor {
  const { tpm, onKey } = options;
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
      const sealedKey = context.memory.allocate(pieceLength);
      try {
        randomFillSync(sealedKey.bytes);
        const seal = { selection: options.selection(), allowZeroPcrs: options.allowZeroPcrs(), expected: options.expected, pin };
        const sealed = await tpm.converse((esys) => sealKey(esys, sealedKey, seal));
        onKey(context.profile, sealedKey);
        return serialiseEnrolment({ ...sealed, wrappedKey: withKek(context, sealedKey, (kek) => wrapKey(kek, piece)) });
      } finally {
        sealedKey.release();
      }
    },

    async unwrap(context, file, evidence) {
      const { memory, profile } = context;
      const { path } = file;
      const enrolment = parseEnrolment(path, file.bytes);
      const pin = evidence.length === 0 ? undefined : evidence;
      if (enrolment.hasPin && pin === undefined) throw SesameError.of('tpm-pin-missing', { profile });
      // A PIN where there is none would not be looked at by the TPM: it proves nothing.
      if (!enrolment.hasPin && pin !== undefined) return undefined;
      checkPin(pin);
      const sealedKey = await tpm.converse((esys) => unsealKey(esys, enrolment, { memory, profile, path, pin }));
      if (sealedKey === undefined) return undefined;
      try {
        onKey(profile, sealedKey);
        const piece = withKek(context, sealedKey, (kek) => unwrapKey(memory, kek, { path, bytes: enrolment.wrappedKey }));
        if (piece === undefined)
          throw SesameError.of('file-damaged', { path, reason: 'what is sealed in it does not open the rest of it' });
        return piece;
      } finally {
        sealedKey.release();
      }
    },
  };
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
