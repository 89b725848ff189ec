// SPDX-License-Identifier: MIT

import type { Sender } from '../../bus/handler.ts';
import { decideAccess, listing } from '../../config/access.ts';
import type { Configuration } from '../../config/configuration.ts';
import { SesameError } from '../../core/errors.ts';
import type { AuditedOperation } from './auditor.ts';

/** How a client is named to a person. */
export function clientName(sender: Sender): string {
  return sender.name ?? `the client with uid ${sender.uid}`;
}

/** Holds requests to the access rules in force. */
export class AccessControl {
  readonly #configuration: () => Configuration;
  readonly #denied: (operation: AuditedOperation) => void;

  /** @param denied told of every refusal, for the audit chain */
  constructor(configuration: () => Configuration, denied: (operation: AuditedOperation) => void) {
    this.#configuration = configuration;
    this.#denied = denied;
  }

  /** Whether the rules allow it; a name that is null stands for listing. */
  allows({ profile, key, sender }: AuditedOperation): boolean {
    return decideAccess(this.#configuration(), profile, { name: sender.name }, key ?? listing) === 'allow';
  }

  /** @throws SesameError access-denied */
  require(operation: AuditedOperation): void {
    if (this.allows(operation)) return;
    this.#denied(operation);
    const { profile, key, action, sender } = operation;
    // What the audit chain calls "environment" is no verb.
    const verb = action === 'environment' ? 'read' : action;
    throw SesameError.of('access-denied', { client: clientName(sender), action: verb, what: key ?? 'the secrets', profile });
  }
}
