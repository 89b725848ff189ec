// SPDX-License-Identifier: MIT
import type { Sender } from '../../bus/handler.ts';
import type { RequestBody } from '../../bus/messages.ts';
import { describe } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

type Entry = RequestBody<'audit-append'>['entries'][number];

export interface AuditedOperation {
  /** `get`, `set`, `delete`, `list`, `unlock`, `lock`, `factor-add`, … */
  readonly action: string;
  readonly profile: string;
  /** The secret's or the factor's name. */
  readonly key: string | null;
  readonly sender: Sender;
}

/** The one thing that is wanted of the bus here. */
export interface AuditBus {
  request(kind: 'audit-append', body: RequestBody<'audit-append'>): Promise<unknown>;
}

/** Entries in one message: few, because daemon-profile answers nothing else while it writes them. Far below the limit of a frame. */
const batchSize = 8;

/** Reads wait this long for company, in ms; with the group commit of daemon-profile they are on disk within a second. */
const gatherMs = 200;

/** What is kept while daemon-profile is away. Nobody can ask for anything then, so this is the rest of a moment. */
const mostWaiting = 1024;

/** Reports what happens to secrets, vaults and factors to daemon-profile, which owns the audit file. */
export class Auditor {
  readonly #bus: () => AuditBus;
  readonly #logger: Logger;
  #waiting: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(bus: () => AuditBus, logger: Logger) {
    this.#bus = bus;
    this.#logger = logger;
  }

  /**
   * Makes a change between two entries that are on disk: that it is attempted, so that there is no change without an entry, and what
   * became of it, before anybody is told. An attempt that nothing follows was cut off: it may or may not have been made.
   * @param discard releases a result that nobody will get
   * @throws what the change throws, or the error that kept an entry from the disk: of the first, and nothing was changed; of the
   *   second, and the change was made without being acknowledged
   */
  async change<Result>(
    operation: AuditedOperation,
    change: () => Result | Promise<Result>,
    discard: (result: Result) => void = () => {},
  ): Promise<Result> {
    await this.outcome(operation, 'attempted');
    let result: Result;
    try {
      result = await change();
    } catch (thrown) {
      await this.#failed(operation);
      throw thrown;
    }
    try {
      await this.outcome(operation, 'success');
    } catch (thrown) {
      discard(result);
      throw thrown;
    }
    return result;
  }

  /** Why the change failed matters more than that this cannot be written. */
  async #failed(operation: AuditedOperation): Promise<void> {
    try {
      await this.outcome(operation, 'failed');
    } catch (thrown) {
      const { action, profile } = operation;
      this.#logger.error('the failure of a change was not recorded', { action, profile, cause: describe(thrown) });
    }
  }

  /** An entry that is on disk when this returns, after everything noted before it. */
  async outcome(operation: AuditedOperation, outcome: string): Promise<void> {
    this.#waiting.push(entryOf(operation, outcome));
    await this.#send(true);
  }

  /** A read or a refusal: the entry joins the next group and nobody waits for it. */
  note(operation: AuditedOperation, outcome: string, repeated = 1): void {
    this.#waiting.push(repeated > 1 ? { ...entryOf(operation, outcome), repeated } : entryOf(operation, outcome));
    if (this.#waiting.length >= batchSize) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), gatherMs);
  }

  /** Sends what was noted. A failure is logged; the entries are kept for the next time. */
  async flush(): Promise<void> {
    try {
      await this.#send(false);
    } catch (thrown) {
      this.#logger.error('audit entries could not be delivered yet', { entries: this.#waiting.length, cause: describe(thrown) });
    }
  }

  /** Takes everything at once, so that no other call can send a durable entry as one that nobody waits for. */
  async #send(durable: boolean): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const taken = this.#waiting.splice(0);
    while (taken.length > 0) {
      const entries = taken.slice(0, batchSize);
      try {
        await this.#bus().request('audit-append', { entries, durable: durable && entries.length === taken.length });
      } catch (thrown) {
        this.#keep(taken, durable);
        throw thrown;
      }
      taken.splice(0, entries.length);
    }
  }

  /** A durable entry that failed is dropped: its change does not happen, and saying later that it did would be a lie. */
  #keep(entries: Entry[], durable: boolean): void {
    const kept = durable ? entries.slice(0, -1) : entries;
    this.#waiting = [...kept, ...this.#waiting];
    const lost = this.#waiting.length - mostWaiting;
    if (lost <= 0) return;
    this.#waiting.splice(0, lost);
    this.#logger.error('audit entries were lost: daemon-profile was away for too long', { entries: lost });
  }
}

function entryOf({ action, profile, key, sender }: AuditedOperation, outcome: string): Entry {
  return { action, profile, key, requester: sender.id, requester_name: sender.name ?? null, requester_uid: sender.uid, outcome };
}
