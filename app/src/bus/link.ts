// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { asSesameError, describe, SesameError, unreachable } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { NoiseSuite } from '../crypto/noise.ts';
import { peerCredentials } from '../linux/peer.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { type Answer, answerRequest, errorAnswer } from './answer.ts';
import { encodeCbor } from './cbor.ts';
import { Channel } from './channel.ts';
import { busUnreachable, connectSocket } from './connect.ts';
import type { Envelope, Header } from './envelope.ts';
import type { Handlers } from './handler.ts';
import { handshakeTimeLimitMs, initiate, type Session } from './handshake.ts';
import { HeaderWriter } from './headers.ts';
import { type KeyPair, readPublicKey } from './keys.ts';
import { requestTable } from './message-table.generated.js';
import type { RequestBody, RequestKind } from './messages.ts';
import { type Reply, readReply } from './reply.ts';
import { isRequestKind } from './validation.ts';
import { decodeError } from './wire-error.ts';

/** How long a retired link waits for a request that the server sent before it knew, in milliseconds. */
const retirementMs = 500;

/** How long a link that ends waits for handlers that are answering, in milliseconds. */
const endTimeLimitMs = 2000;

export interface LinkOptions {
  readonly memory: SecretMemory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly suite: NoiseSuite;
  readonly handlers: Handlers;
  readonly socketPath: string;
  readonly publicKeyPath: string;
}

export interface LinkEvents {
  onEvent(header: Header): void;
  /** @param error what the server said before it closed, if anything */
  onClose(error: SesameError | undefined): void;
}

interface Pending {
  readonly kind: RequestKind;
  accept(answer: Answer): void;
  reject(error: SesameError): void;
}

/** One connection of a client to the bus, from handshake to close. */
export class Link {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #channel: Channel;
  readonly #headers: HeaderWriter;
  readonly #pending = new Map<string, Pending>();
  readonly #closed = Promise.withResolvers<void>();
  #answering = 0;
  #ending = false;
  #error: SesameError | undefined;

  private constructor(socket: Socket, session: Session, options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    this.#headers = new HeaderWriter(options.clock);
    this.#channel = new Channel(socket, session, {
      onEnvelope: (envelope) => this.#onEnvelope(envelope),
      onBroken: (error) => {
        this.#error = error;
        this.#channel.destroy();
      },
      onClose: () => this.#onClose(),
    });
  }

  /**
   * Connects and shakes hands; bus.pub is read each time, because the bus replaces its key.
   * @throws SesameError daemon-unreachable, handshake-failed, client-refused, daemon-busy, key-file-damaged
   */
  static async open(key: KeyPair, options: LinkOptions, events: LinkEvents): Promise<Link> {
    const { memory, suite, socketPath, publicKeyPath } = options;
    const busKey = readPublicKey(publicKeyPath);
    if (busKey === undefined) throw busUnreachable(socketPath, `there is no ${publicKeyPath}`);
    const socket = await connectSocket(socketPath);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      socket.destroy();
    }, handshakeTimeLimitMs);
    try {
      const session = await initiate(socket, { memory, suite, peer: peerCredentials(socket), key, busKey });
      const link = new Link(socket, session, options, events);
      link.#channel.start();
      return link;
    } catch (thrown) {
      socket.destroy();
      if (timedOut) throw busUnreachable(socketPath, `no handshake within ${handshakeTimeLimitMs / 1000} s`);
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a request; the attachment stays the caller's, its copy in the frame is wiped before this returns. */
  request<Kind extends RequestKind>(
    kind: Kind,
    body: RequestBody<Kind>,
    attachment: Uint8Array | undefined,
    timeoutMs: number,
  ): Promise<Reply<Kind>> {
    const { answeredBy, level } = requestTable[kind];
    const header = this.#headers.write({ type: 'request', kind, level, body: encodeCbor(body) });
    return new Promise((resolve, reject) => {
      if (this.#channel.closed) throw closedDuring(answeredBy, kind);
      this.#channel.send(header, attachment);
      const settle = () => {
        clearTimeout(timer);
        this.#pending.delete(header.id);
      };
      const timer = setTimeout(() => {
        settle();
        reject(SesameError.of('request-timed-out', { daemon: answeredBy, kind, seconds: timeoutMs / 1000 }));
      }, timeoutMs);
      this.#pending.set(header.id, {
        kind,
        accept: (answer) => {
          settle();
          try {
            resolve(readReply(this.#options.memory, kind, answer));
          } catch (thrown) {
            reject(asSesameError(thrown, kind));
          }
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
    });
  }

  /** Ends this link once nothing is under way on it, because another one has taken its place. */
  retire(): void {
    const timer = setTimeout(() => {
      if (this.#pending.size === 0 && this.#answering === 0) this.#channel.end();
      else this.retire();
    }, retirementMs);
    timer.unref();
  }

  /** Takes no more requests, lets handlers that are answering finish for two seconds, delivers what was sent and closes. */
  async end(): Promise<void> {
    this.#ending = true;
    if (this.#answering === 0) this.#channel.end();
    const timer = setTimeout(() => this.#channel.end(), endTimeLimitMs);
    await this.#closed.promise;
    clearTimeout(timer);
  }

  #onEnvelope(envelope: Envelope): void {
    const { header } = envelope;
    switch (header.type) {
      case 'request':
        this.#onRequest(envelope);
        return;
      case 'reply':
      case 'error':
        this.#onAnswer(header.type, envelope);
        return;
      case 'event':
        this.#events.onEvent(header);
        return;
      default:
        unreachable(header.type);
    }
  }

  #onAnswer(type: 'reply' | 'error', { header, attachment }: Envelope): void {
    const { correlation, body } = header;
    if (correlation !== undefined) {
      this.#pending.get(correlation)?.accept({ type, body, attachment });
    } else if (type === 'error') {
      // It is about the connection, which the server closes next.
      const error = decodeError(body);
      this.#error = error;
      this.#rejectAll(() => error);
    }
  }

  #onRequest(envelope: Envelope): void {
    const { header } = envelope;
    const { kind, origin } = header;
    const respond = (answer: Answer) => this.#respond(header, answer);
    if (!isRequestKind(kind)) {
      respond(errorAnswer(SesameError.of('message-unknown', { kind })));
      return;
    }
    if (this.#ending) {
      respond(errorAnswer(closedDuring(requestTable[kind].answeredBy, kind)));
      return;
    }
    if (origin === undefined) {
      respond(errorAnswer(SesameError.of('message-invalid', { kind, reason: 'nobody vouches for its sender' })));
      return;
    }
    const sender = { ...origin, id: header.sender };
    this.#answering += 1;
    answerRequest(kind, envelope, sender, this.#options, respond)
      .catch((thrown: unknown) => {
        this.#options.logger.error('an answer could not be sent', { kind, cause: describe(thrown) });
      })
      .finally(() => {
        this.#answering -= 1;
        if (this.#ending && this.#answering === 0) this.#channel.end();
      });
  }

  #respond({ id, kind, level }: Header, { type, body, attachment }: Answer): void {
    this.#channel.send(this.#headers.write({ type, kind, level, body, correlation: id }), attachment);
  }

  #onClose(): void {
    this.#closed.resolve();
    this.#rejectAll((kind) => this.#error ?? closedDuring('daemon-profile', kind));
    this.#events.onClose(this.#error);
  }

  #rejectAll(errorOf: (kind: string) => SesameError): void {
    for (const pending of [...this.#pending.values()]) pending.reject(errorOf(pending.kind));
  }
}

function closedDuring(daemon: string, kind: string): SesameError {
  return SesameError.of('connection-closed', { daemon, kind });
}
