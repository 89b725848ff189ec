// SPDX-License-Identifier: MIT
import { setImmediate } from 'node:timers/promises';
import { beforeFirstRow } from './entry-table.ts';
import type { Vault, VaultReport } from './vault.ts';

/**
 * Verifies every page in use and decrypts every entry, in constant memory. The pages are read in one go (about 4 µs an entry);
 * between small batches of entries the event loop runs.
 * @throws SesameError vault-damaged when a page or the structure is damaged, and no longer just entries; and those of Vault
 */
export async function checkVault(vault: Vault): Promise<VaultReport> {
  vault.checkPages();
  const damaged: string[] = [];
  let entries = 0;
  for (let after = beforeFirstRow; ; ) {
    const batch = vault.checkBatch(after);
    if (batch === undefined) return { entries, damaged };
    entries += batch.entries;
    damaged.push(...batch.damaged);
    after = batch.last;
    // Secret memory is given back by finalisers, and those run only now.
    await setImmediate();
  }
}
