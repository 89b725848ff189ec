// SPDX-License-Identifier: MIT
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Handlers, Incoming, Outgoing, Sender } from '../../bus/handler.ts';
import { SesameError } from '../../core/errors.ts';
import { longestValue, requireSecretName } from '../../core/names.ts';
import { MutualExclusion } from '../../factors/mutual-exclusion.ts';
import type { SecretMemory } from '../../memory/secret-bytes.ts';
import { type AccessControl, clientName } from './access.ts';
import type { AuditedOperation, Auditor } from './auditor.ts';
import { environmentPage } from './environment.ts';
import { outcomeOf, unlockedVault } from './unlocked-vault.ts';
import type { VaultSet } from './vault-set.ts';

export interface SecretHandlersOptions {
  readonly memory: SecretMemory;
  readonly vaults: VaultSet;
  readonly access: AccessControl;
  readonly auditor: Auditor;
  /** Told of reads, and of what did not succeed. @param times how many reads it stands for */
  readonly read: (operation: AuditedOperation, times?: number) => void;
  readonly failed: (operation: AuditedOperation, outcome: string) => void;
}

/** Answers for single secrets and for all of a profile at once. Everything is checked against the access rules and audited. */
export function secretHandlers(options: SecretHandlersOptions): Handlers {
  const { vaults, access, auditor, read, failed } = options;
  const turns = new MutualExclusion();
  return {
    async 'secret-get'({ body, sender }) {
      const operation = operationOf('get', body, sender);
      access.require(operation);
      const vault = await unlockedVault(options, operation);
      try {
        const attachment = vault.get(body.name);
        read(operation);
        return { body: {}, attachment };
      } catch (thrown) {
        failed(operation, outcomeOf(thrown));
        throw thrown;
      }
    },

    async 'secret-set'({ body, attachment, sender }) {
      const operation = operationOf('set', body, sender);
      access.require(operation);
      requireSecretName(body.name);
      const value = attachment?.bytes ?? Buffer.alloc(0);
      if (value.length > longestValue) throw SesameError.of('value-too-long', { length: value.length, limit: longestValue });
      await unlockedVault(options, operation);
      // Asked for again: while the entry was being written a rekey may have begun or ended.
      const set = async () => (await vaults.require(body.profile)).set(body.name, value);
      return { body: await auditor.change(operation, set) };
    },

    async 'secret-delete'({ body, sender }) {
      const operation = operationOf('delete', body, sender);
      access.require(operation);
      const vault = await unlockedVault(options, operation);
      if (!vault.has(body.name)) {
        failed(operation, 'not-found');
        throw SesameError.of('secret-not-found', { profile: body.profile, name: JSON.stringify(body.name) });
      }
      await auditor.change(operation, async () => (await vaults.require(body.profile)).delete(body.name));
      return { body: {} };
    },

    async 'secret-list'({ body: { profile, ...request }, sender }) {
      const operation: AuditedOperation = { action: 'list', profile, key: null, sender };
      access.require(operation);
      const body = await visiblePage(request, options, operation);
      read(operation);
      return { body };
    },

    // Each holds locked memory for its values until it is done, so one of a client at a time.
    'secret-environment': (request) => turns.run(clientName(request.sender), () => environmentPage(options, request)),
  };
}

/** A page of the names that a client may see. Where it goes on is one of these too, or the names of others would show there. */
async function visiblePage(
  { limit, after, ...range }: Omit<Incoming<'secret-list'>['body'], 'profile'>,
  options: SecretHandlersOptions,
  listing: AuditedOperation,
): Promise<Outgoing<'secret-list'>['body']> {
  const entries: Outgoing<'secret-list'>['body']['entries'] = [];
  let from = after;
  for (;;) {
    const vault = await unlockedVault(options, listing);
    const page = vault.list({ ...range, limit: limit + 1, ...(from === undefined ? {} : { after: from }) });
    for (const entry of page.entries.filter(({ name }) => options.access.allows({ ...listing, key: name }))) {
      const last = entries.at(-1);
      if (last !== undefined && entries.length === limit) return { entries, next: last.name };
      entries.push(entry);
    }
    if (page.next === undefined) return { entries };
    from = page.next;
    await nextTurn(); // a client that may see few names of many does not keep the others waiting
  }
}

function operationOf(action: string, { profile, name }: { profile: string; name: string }, sender: Sender): AuditedOperation {
  return { action, profile, key: name, sender };
}
