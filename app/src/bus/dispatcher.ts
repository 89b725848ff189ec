// SPDX-License-Identifier: MIT
import { clears, type SecurityLevel } from '../core/clearance.ts';
import { asSesameError, describe, SesameError, unreachable } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { TokenBuckets } from '../core/rate-limit.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { type Answer, answerRequest, errorAnswer } from './answer.ts';
import { Claims } from './claims.ts';
import type { Connection } from './connection.ts';
import type { Envelope, Header, Origin } from './envelope.ts';
import type { Handlers, Sender } from './handler.ts';
import { emptyBody, type HeaderWriter } from './headers.ts';
import { mostAttached, mostAttachedOfOneClient } from './limits.ts';
import { requestTable } from './message-table.generated.js';
import type { RequestKind } from './messages.ts';
import type { BusObserver } from './observer.ts';
import type { Relay } from './relay.ts';
import { decodeRequestBody, isEventKind, isRequestKind } from './validation.ts';

export interface DispatcherOptions {
  readonly memory: SecretMemory;
  readonly logger: Logger;
  readonly handlers: Handlers;
  readonly headers: HeaderWriter;
  readonly buckets: TokenBuckets;
  readonly observer: BusObserver;
  /** The server itself, as the sender of what it answers. */
  readonly origin: Origin;
  /** The way to a daemon, or undefined while it is not connected. */
  relayTo(daemon: string): Relay | undefined;
  /** What was passed on over this connection, if it is a daemon's. */
  relayOver(connection: Connection): Relay | undefined;
  /** A connection has sent its first message, so it is no replayed handshake. */
  onProved(connection: Connection): void;
  /** A request was answered. */
  onFinished(): void;
}

/** Sends the answer to a request, which is over then. @param origin who answers; the server itself when absent */
type Finish = (answer: Answer, origin?: Origin) => void;

/** Decides what becomes of each message that a connection sends. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Bytes of attachments that each client has under way. */
  readonly #attached = new Claims<string>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  dispatch(connection: Connection, envelope: Envelope): void {
    const { header } = envelope;
    if (!this.#acceptSender(connection, header)) return;
    switch (header.type) {
      case 'request':
        this.#onRequest(connection, envelope);
        return;
      case 'reply':
      case 'error':
        this.#onAnswer(connection, envelope);
        return;
      case 'event':
        this.#reject(
          connection,
          header,
          SesameError.of('message-invalid', { kind: header.kind, reason: 'only the bus broadcasts' }),
        );
        return;
      default:
        unreachable(header.type);
    }
  }

  /** Tells the other end why its connection is closed, and closes it. */
  dismiss(connection: Connection, error: SesameError): void {
    const { headers, origin } = this.#options;
    const { body } = errorAnswer(error);
    connection.send(headers.write({ type: 'error', kind: 'connection', level: 'open', body, origin }));
    connection.end();
  }

  #acceptSender(connection: Connection, { sender }: Header): boolean {
    if (connection.senderId === undefined) {
      connection.senderId = sender;
      this.#options.onProved(connection);
    }
    if (connection.senderId === sender) return true;
    this.#options.logger.warn('a client changed its sender id and is disconnected', {
      client: connection.label,
      pid: connection.origin.pid,
    });
    this.dismiss(connection, SesameError.of('message-invalid', { kind: 'envelope', reason: 'its sender id has changed' }));
    return false;
  }

  #onRequest(connection: Connection, envelope: Envelope): void {
    const { header } = envelope;
    const sender = senderOf(connection, header);
    let kind: RequestKind;
    try {
      kind = this.#admit(connection, sender, envelope);
    } catch (thrown) {
      const error = asSesameError(thrown, header.kind);
      if (error.code === 'clearance-too-low' || error.code === 'rate-limited') {
        this.#options.observer.requestDenied?.(sender, header.kind, error.code);
      }
      this.#reject(connection, header, error);
      return;
    }
    const attached = envelope.attachment?.length ?? 0;
    this.#attached.take(connection.label, attached);
    connection.begin(attached);
    // Every request that was admitted comes here once.
    const finish: Finish = (answer, origin) => {
      this.#attached.giveBack(connection.label, attached);
      this.#finish(connection, header, answer, attached, origin);
    };
    try {
      this.#route(connection, kind, envelope, sender, finish);
    } catch (thrown) {
      finish(errorAnswer(asSesameError(thrown, kind)));
    }
  }

  /** What must hold before a request costs more than reading it. */
  #admit(connection: Connection, sender: Sender, { header, attachment }: Envelope): RequestKind {
    const { kind, body } = header;
    const { buckets } = this.#options;
    if (connection.identity.registered === undefined) requireRate(buckets, connection.label);
    if (!isRequestKind(kind)) throw SesameError.of('message-unknown', { kind });
    const { level, attachment: mayAttach, longestBody: longest } = requestTable[kind];
    if (header.level !== level) throw SesameError.of('message-invalid', { kind, reason: `its level is ${level}` });
    requireClearance(connection.label, sender.clearance, kind);
    if (body.length > longest)
      throw SesameError.of('message-invalid', { kind, reason: `its body is longer than ${longest} bytes` });
    if (attachment !== undefined) {
      if (!mayAttach) throw SesameError.of('message-invalid', { kind, reason: 'it has no attachment' });
      this.#requireRoom(connection, kind, attachment.length);
    }
    return kind;
  }

  #requireRoom({ label }: Connection, kind: RequestKind, length: number): void {
    const { answeredBy } = requestTable[kind];
    const busy = (reason: string) => SesameError.of('daemon-busy', { daemon: answeredBy, reason });
    if (this.#attached.of(label) + length > mostAttachedOfOneClient)
      throw busy(`${label} has sent too much that is not answered yet`);
    if (this.#attached.total + length > mostAttached) throw busy('too much was sent that is not answered yet');
  }

  #route(connection: Connection, kind: RequestKind, envelope: Envelope, sender: Sender, finish: Finish): void {
    const { header, attachment } = envelope;
    const { answeredBy } = requestTable[kind];
    if (kind === 'bus-subscribe') {
      this.#subscribe(connection, header);
      finish({ type: 'reply', body: emptyBody, attachment: undefined });
    } else if (answeredBy === 'daemon-profile') {
      answerRequest(kind, envelope, sender, this.#options, finish).catch((thrown: unknown) =>
        this.#options.logger.error('a request was left unanswered', { kind, cause: describe(thrown) }),
      );
    } else {
      // Whoever answers validates the body; in between nobody needs to know what it says.
      const relay = this.#options.relayTo(answeredBy);
      if (relay === undefined) throw notConnected(answeredBy);
      relay.forward(header, connection.origin, attachment, (answer) => finish(answer, relay.target.origin));
    }
  }

  #subscribe(connection: Connection, { body }: Header): void {
    for (const kind of decodeRequestBody('bus-subscribe', body).kinds) {
      if (!isEventKind(kind)) throw SesameError.of('message-unknown', { kind });
      connection.subscriptions.add(kind);
    }
  }

  #onAnswer(connection: Connection, envelope: Envelope): void {
    if (this.#options.relayOver(connection)?.settle(envelope)) return;
    // Its requester has gone, or it was never asked.
    this.#options.logger.debug('an answer to nothing is ignored', { client: connection.label, kind: envelope.header.kind });
  }

  #finish(connection: Connection, request: Header, answer: Answer, attached: number, origin = this.#options.origin): void {
    try {
      this.#send(connection, request, answer, origin);
    } catch (thrown) {
      this.#reject(connection, request, asSesameError(thrown, request.kind));
    } finally {
      connection.finish(attached);
      this.#options.onFinished();
    }
  }

  #reject(connection: Connection, request: Header, error: SesameError): void {
    this.#send(connection, request, errorAnswer(error), this.#options.origin);
  }

  #send(connection: Connection, { id, kind, level }: Header, { type, body, attachment }: Answer, origin: Origin): void {
    connection.send(this.#options.headers.write({ type, kind, level, body, correlation: id, origin }), attachment);
  }
}

function senderOf({ identity, origin }: Connection, { sender }: Header): Sender {
  return { id: sender, name: identity.name, clearance: identity.clearance, uid: origin.uid, pid: origin.pid };
}

/** @throws SesameError rate-limited */
export function requireRate(buckets: TokenBuckets, client: string): void {
  if (!buckets.take(client)) throw SesameError.of('rate-limited', { client, limit: buckets.ratePerSecond });
}

/** @throws SesameError clearance-too-low */
export function requireClearance(client: string, clearance: SecurityLevel, kind: RequestKind): void {
  const { level } = requestTable[kind];
  if (!clears(clearance, level)) throw SesameError.of('clearance-too-low', { client, clearance, kind, level });
}

export function notConnected(daemon: string): SesameError {
  return SesameError.of('daemon-unreachable', { daemon, where: 'the bus', reason: 'it is not connected' });
}
