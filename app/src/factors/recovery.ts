// SPDX-License-Identifier: MIT
import { recoveryKekContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { Factor, FactorContext } from './factor.ts';
import { decodeRecoveryKey } from './recovery-key.ts';
import { checkWrappedKey, unwrapKey, wrapKey } from './wrapped-key.ts';

/**
 * Evidence: the recovery key in the text form that was shown once. The key holds 256 random bits, so no slow derivation is
 * needed.
 */
export const recoveryFactor: Factor = {
  id: 'recovery',
  fileSuffix: 'recovery-wrap',
  label: () => 'recovery key',
  check: checkWrappedKey,

  async wrap(context, evidence, piece) {
    const kek = deriveKek(context, evidence);
    try {
      return wrapKey(kek, piece);
    } finally {
      kek.release();
    }
  },

  async unwrap(context, file, evidence) {
    const kek = deriveKek(context, evidence);
    try {
      return unwrapKey(context.memory, kek, file);
    } finally {
      kek.release();
    }
  },
};

function deriveKek({ memory, profile, suite }: FactorContext, evidence: SecretBytes): SecretBytes {
  const key = decodeRecoveryKey(memory, evidence);
  try {
    return deriveKey(memory, suite.hkdf, recoveryKekContext(profile), key.bytes);
  } finally {
    key.release();
  }
}
