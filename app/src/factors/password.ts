// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { passwordKey } from '../crypto/password.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { Factor, FactorContext } from './factor.ts';
import { checkWrappedKey, unwrapKey, wrapKey } from './wrapped-key.ts';

/** Evidence: the password's bytes, as they were typed. */
export const passwordFactor: Factor = {
  id: 'password',
  fileSuffix: 'password-wrap',
  label: () => 'master password',
  check: checkWrappedKey,

  async wrap(context, evidence, piece) {
    const kek = await stretchPassword(context, evidence);
    try {
      return wrapKey(kek, piece);
    } finally {
      kek.release();
    }
  },

  async unwrap(context, file, evidence) {
    const kek = await stretchPassword(context, evidence);
    try {
      return unwrapKey(context.memory, kek, file);
    } finally {
      kek.release();
    }
  },
};

/**
 * The key that a password gives with the profile's salt: the key-encryption key, or in the oldest vaults the master key itself.
 * @throws SesameError password-empty
 */
export async function stretchPassword(context: FactorContext, password: SecretBytes): Promise<SecretBytes> {
  if (password.length === 0) throw SesameError.of('password-empty', {});
  return await passwordKey(context.memory, context.suite.kdf, password.bytes, context.salt);
}
