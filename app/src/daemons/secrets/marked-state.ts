// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import type { SecretMemory } from '../../memory/secret-bytes.ts';
import { type MarkedState, parseMark, serialiseMark } from '../../tpm/rollback.ts';
import type { Vault } from '../../vault/vault.ts';

const markName = 'rollback-mark';
const authorisationName = 'rollback-authorisation';

/**
 * What a vault keeps for the TPM's counter; the caller releases the authorisation.
 * @param path of the vault, for messages
 * @returns undefined when the vault was never marked
 * @throws SesameError file-damaged, file-too-new
 */
export function readMarkedState(memory: SecretMemory, path: string, vault: Vault): MarkedState | undefined {
  const state = vault.state();
  const authorisation = state.get(authorisationName);
  try {
    const bytes = state.get(markName);
    if (bytes === undefined) return undefined;
    const mark = parseMark(path, bytes);
    if (authorisation === undefined)
      throw SesameError.of('file-damaged', { path, reason: 'the authorisation value of its counter is missing' });
    return { mark, authorisation: memory.take(authorisation) };
  } finally {
    authorisation?.fill(0);
  }
}

/** The mark goes last: without it the authorisation value means nothing. */
export function writeMarkedState(vault: Vault, { mark, authorisation }: MarkedState): void {
  vault.setState(authorisationName, authorisation.bytes);
  vault.setState(markName, serialiseMark(mark));
}
