// SPDX-License-Identifier: MIT
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Handlers, Incoming, Outgoing, Sender } from '../../bus/handler.ts';
import { SesameError } from '../../core/errors.ts';
import { longestValue, requireSecretName } from '../../core/names.ts';
import type { SecretMemory } from '../../memory/secret-bytes.ts';
import type { AccessControl } from './access.ts';
import type { AuditedOperation, Auditor } from './auditor.ts';
import { environmentPage } from './environment.ts';
import type { VaultSet } from './vault-set.ts';

export interface SecretHandlersOptions {
  readonly memory: SecretMemory;
  readonly vaults: VaultSet;
  readonly access: AccessControl;
  readonly auditor: Auditor;
}

/** Answers for single secrets and for all of a profile at once. Everything is checked against the access rules and audited. */
export function secretHandlers(options: SecretHandlersOptions): Handlers {
  const { vaults, access, auditor } = options;
  return {
    async 'secret-get'({ body, sender }) {
      const operation = operationOf('get', body, sender);
      access.require(operation);
      const vault = await vaults.require(body.profile);
      try {
        const attachment = vault.get(body.name);
        auditor.note(operation, 'success');
        return { body: {}, attachment };
      } catch (thrown) {
        auditor.note(operation, outcomeOf(thrown));
        throw thrown;
      }
    },

    async 'secret-set'({ body, attachment, sender }) {
      const operation = operationOf('set', body, sender);
      access.require(operation);
      requireSecretName(body.name);
      const value = attachment?.bytes ?? Buffer.alloc(0);
      if (value.length > longestValue) throw SesameError.of('value-too-long', { length: value.length, limit: longestValue });
      const vault = await vaults.require(body.profile);
      return { body: await auditor.change(operation, () => vault.set(body.name, attachment?.bytes ?? value)) };
    },

    async 'secret-delete'({ body, sender }) {
      const operation = operationOf('delete', body, sender);
      access.require(operation);
      const vault = await vaults.require(body.profile);
      if (!vault.has(body.name))
        throw SesameError.of('secret-not-found', { profile: body.profile, name: JSON.stringify(body.name) });
      await auditor.change(operation, () => vault.delete(body.name));
      return { body: {} };
    },

    async 'secret-list'({ body: { profile, ...request }, sender }) {
      const operation: AuditedOperation = { action: 'list', profile, key: null, sender };
      access.require(operation);
      const body = await visiblePage(request, vaults, operation, access);
      auditor.note(operation, 'success');
      return { body };
    },

    'secret-environment': (request) => environmentPage(options, request),
  };
}

/** A page of the names that a client may see. Where it goes on is one of these too, or the names of others would show there. */
async function visiblePage(
  { limit, after, ...range }: Omit<Incoming<'secret-list'>['body'], 'profile'>,
  vaults: VaultSet,
  listing: AuditedOperation,
  access: AccessControl,
): Promise<Outgoing<'secret-list'>['body']> {
  const entries: Outgoing<'secret-list'>['body']['entries'] = [];
  let from = after;
  for (;;) {
    const vault = await vaults.require(listing.profile);
    const page = vault.list({ ...range, limit: limit + 1, ...(from === undefined ? {} : { after: from }) });
    for (const entry of page.entries.filter(({ name }) => access.allows({ ...listing, key: name }))) {
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

function outcomeOf(thrown: unknown): string {
  return thrown instanceof SesameError && thrown.code === 'secret-not-found' ? 'not-found' : 'failed';
}
