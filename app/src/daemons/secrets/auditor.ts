// SPDX-License-Identifier: MIT
import type { BusClient } from '../../bus/client.ts';
import type { Sender } from '../../bus/handler.ts';
import { describe } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

export interface AuditedOperation {
  /** `get`, `set`, `delete`, `list`, `unlock`, `lock`, `factor-add`, … */
  readonly action: string;
  readonly profile: string;
  /** The secret's or the factor's name. */
  readonly key: string | null;
  readonly sender: Sender;
}

/** Reports what happens to secrets, vaults and factors to daemon-profile, which owns the audit file. */
export class Auditor {
  readonly #bus: () => BusClient;
  readonly #logger: Logger;

  constructor(bus: () => BusClient, logger: Logger) {
    this.#bus = bus;
    this.#logger = logger;
  }

  /**
   * Makes a change with its entry on disk first, so that there is no change without an entry; a change that then fails is
   * followed by an entry that says so.
   * @throws what the change throws, or the error that kept the entry from the disk; then nothing was changed
   */
  async change<Result>(operation: AuditedOperation, change: () => Result | Promise<Result>): Promise<Result> {
    await this.#append(operation, 'success', true);
    try {
      return await change();
    } catch (thrown) {
      await this.outcome(operation, 'failed');
      throw thrown;
    }
  }

  /** An entry about something that is over already, on disk when this returns. */
  async outcome(operation: AuditedOperation, outcome: string): Promise<void> {
    await this.#append(operation, outcome, true);
  }

  /** A read or a refusal: the entry joins the next group and nobody waits for it. */
  note(operation: AuditedOperation, outcome: string, repeated = 1): void {
    this.#append(operation, outcome, false, repeated).catch((thrown: unknown) => {
      this.#logger.error('an audit entry could not be delivered', { action: operation.action, outcome, cause: describe(thrown) });
    });
  }

  async #append({ action, profile, key, sender }: AuditedOperation, outcome: string, durable: boolean, repeated = 1): Promise<void> {
    await this.#bus().request('audit-append', {
      action,
      profile,
      key,
      requester: sender.id,
      requester_name: sender.name ?? null,
      requester_uid: sender.uid,
      outcome,
      durable,
      ...(repeated > 1 ? { repeated } : {}),
    });
  }
}
