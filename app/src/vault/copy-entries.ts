// SPDX-License-Identifier: MIT
import { setImmediate } from 'node:timers/promises';
import { SesameError } from '../core/errors.ts';
import { beforeFirstRow } from './entry-table.ts';
import type { Vault } from './vault.ts';

/**
 * Copies every entry of one vault into another, re-encrypted under the other's entry key, times kept, and what the vault knows of
 * itself. Between small batches the event loop runs, so that the old vault can be read meanwhile; the caller keeps writers away from
 * both.
 * @param onBatch called after each batch with the number of entries copied so far
 * @returns the number of entries
 * @throws SesameError entry-damaged: the new vault is incomplete and must not be committed; and those of Vault
 */
export async function copyEntries(from: Vault, to: Vault, onBatch?: (copied: number) => void): Promise<number> {
  const expected = from.count();
  let copied = 0;
  let after = beforeFirstRow;
  for (;;) {
    const batch = from.copyBatchTo(to, after);
    if (batch === undefined) break;
    copied += batch.copied;
    after = batch.last;
    onBatch?.(copied);
    await setImmediate();
  }
  if (copied !== expected || to.count() !== expected) {
    throw SesameError.of('vault-busy', { profile: from.profile, operation: 'a change during the copy' });
  }
  for (const [name, value] of from.state()) {
    to.setState(name, value);
    value.fill(0);
  }
  return copied;
}
