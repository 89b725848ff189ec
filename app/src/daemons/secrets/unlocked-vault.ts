// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import type { Vault } from '../../vault/vault.ts';
import type { AuditedOperation } from './auditor.ts';
import type { SecretHandlersOptions } from './secret-handlers.ts';

/**
 * The vault of an unlocked profile; that somebody asked for one that is not leaves an entry.
 * @throws SesameError vault-not-initialised, vault-locked
 */
export async function unlockedVault(
  { vaults, failed }: Pick<SecretHandlersOptions, 'vaults' | 'failed'>,
  operation: AuditedOperation,
): Promise<Vault> {
  try {
    return await vaults.require(operation.profile);
  } catch (thrown) {
    failed(operation, outcomeOf(thrown));
    throw thrown;
  }
}

/** How the audit chain calls what became of an operation that failed. */
export function outcomeOf(thrown: unknown): string {
  const code = thrown instanceof SesameError ? thrown.code : undefined;
  if (code === 'secret-not-found') return 'not-found';
  return code === 'vault-locked' ? 'locked' : 'failed';
}
