// SPDX-License-Identifier: MIT

import { Coalescer } from '../../audit/coalesce.ts';
import type { AuditLog } from '../../audit/log.ts';
import type { RequestBody } from '../../bus/messages.ts';
import type { BusObserver } from '../../bus/observer.ts';
import type { Clock } from '../../core/clock.ts';
import { describe } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';

type ReportedEntry = RequestBody<'audit-append'>['entries'][number];

const nobody = '00000000-0000-0000-0000-000000000000';

/** Appends what daemon-secrets reports, in its order; when `durable`, all of it is on disk afterwards. */
export async function appendReported(audit: AuditLog, entries: readonly ReportedEntry[], durable: boolean): Promise<void> {
  const appended = entries.map(({ requester_uid: uid, repeated, ...operation }) =>
    audit.append(
      { SecretOperationAudited: operation },
      { durable, additional: { requester_uid: uid, ...(repeated === undefined ? {} : { repeated }) } },
    ),
  );
  await Promise.all(appended);
}

interface Refusal {
  readonly client: string;
  readonly uid: number;
  readonly requester: string;
  readonly name: string | null;
  readonly action: string;
}

/** Writes what the bus sees by itself: rotated keys, and refusals before a request reached anybody. */
export class BusAudit implements BusObserver {
  readonly #audit: AuditLog;
  readonly #logger: Logger;
  readonly #refusals: Coalescer<Refusal>;

  constructor(audit: AuditLog, clock: Clock, logger: Logger, profile: () => string) {
    this.#audit = audit;
    this.#logger = logger;
    this.#refusals = new Coalescer({
      clock,
      clientOf: ({ client }) => client,
      write: ({ action, uid, requester, name }, repeated) => {
        const operation = { action, profile: profile(), key: null, requester, requester_name: name, outcome: 'denied' };
        this.#append({ SecretOperationAudited: operation }, { requester_uid: uid, ...(repeated > 1 ? { repeated } : {}) });
      },
    });
  }

  keyRotationStarted(name: string, generation: number): void {
    this.#append({ KeyRotationStarted: { daemon_name: name, generation } });
  }

  keyRotationCompleted(name: string, generation: number): void {
    this.#append({ KeyRotationCompleted: { daemon_name: name, generation } });
  }

  keyRevoked(name: string, reason: string, generation: number): void {
    this.#append({ KeyRevoked: { daemon_name: name, reason, generation } });
  }

  clientRefused({ uid }: Parameters<NonNullable<BusObserver['clientRefused']>>[0]): void {
    this.#refusals.add({ client: `uid ${uid}`, uid, requester: nobody, name: null, action: 'connect' });
  }

  requestDenied(sender: Parameters<NonNullable<BusObserver['requestDenied']>>[0], kind: string): void {
    const { id, name, uid } = sender;
    this.#refusals.add({ client: name ?? `uid ${uid}`, uid, requester: id, name: name ?? null, action: kind });
  }

  /** @param client the client that the service is, where that much was found out */
  credentialRefused(uid: number, client: string | undefined): void {
    this.#refusals.add({ client: client ?? `uid ${uid}`, uid, requester: nobody, name: client ?? null, action: 'credential' });
  }

  /** Writes what is still being counted. */
  close(): void {
    this.#refusals.close();
  }

  #append(
    action: Parameters<AuditLog['append']>[0],
    additional: NonNullable<Parameters<AuditLog['append']>[1]['additional']> = {},
  ): void {
    this.#audit.append(action, { durable: false, additional }).catch((thrown: unknown) => {
      this.#logger.error('an audit entry could not be written', { cause: describe(thrown) });
    });
  }
}
