// SPDX-License-Identifier: MIT
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { asSesameError, describe, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { TokenBuckets } from '../core/rate-limit.ts';
import type { NoiseSuite } from '../crypto/noise.ts';
import { ensureDirectory } from '../linux/files.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { Admission, type Identify } from './admission.ts';
import { encodeCbor } from './cbor.ts';
import { Connection, type Identity } from './connection.ts';
import { Connections } from './connections.ts';
import { DaemonRoutes } from './daemon-routes.ts';
import { Dispatcher, notConnected, requireClearance, requireRate } from './dispatcher.ts';
import type { Header, Origin } from './envelope.ts';
import type { Handlers } from './handler.ts';
import { handshakeTimeLimitMs, type Session } from './handshake.ts';
import { HeaderWriter } from './headers.ts';
import { busPaths, type KeyPair } from './keys.ts';
import type { BusLimits } from './limits.ts';
import { listenOn } from './listen.ts';
import { eventTable, requestTable } from './message-table.generated.js';
import type { EventBody, EventKind, RequestBody, RequestKind } from './messages.ts';
import type { BusObserver } from './observer.ts';
import type { RegisteredKey } from './registry.ts';
import { type Reply, readReply } from './reply.ts';
import { KeyRotation, type RotationStarted } from './rotation.ts';

export type { Identify } from './admission.ts';
export type { BusLimits } from './limits.ts';
export type { BusObserver } from './observer.ts';
export type { RotationStarted } from './rotation.ts';

/** How long `close` waits for requests under way, and how long a request of our own may take, in milliseconds. */
const closeTimeLimitMs = 2000;
const defaultTimeoutMs = 10_000;

/** Its own name on the bus. */
const ownName = 'daemon-profile';

export interface BusServerOptions {
  readonly memory: SecretMemory;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where bus.pub, bus.key, bus.checksum and keys/ are. */
  readonly runtimeDirectory: string;
  /** `bus.sock` in the runtime directory when absent. */
  readonly socketPath?: string;
  /** 0600 when absent; 0666 where clients have users of their own and the kernel tells us whose. */
  readonly socketMode?: number;
  readonly suite: NoiseSuite;
  readonly identify: Identify;
  /** The requests that daemon-profile answers. */
  readonly handlers: Handlers;
  readonly limits: BusLimits;
  readonly observer?: BusObserver;
  /** 5000 when absent; shorter in tests. */
  readonly handshakeTimeLimitMs?: number;
}

/** The bus. It lives in daemon-profile, answers that daemon's requests, and passes the others on. */
export class BusServer {
  readonly #options: BusServerOptions;
  readonly #socketPath: string;
  readonly #origin: Origin;
  readonly #headers: HeaderWriter;
  readonly #buckets: TokenBuckets;
  readonly #rotation: KeyRotation;
  readonly #admission: Admission;
  readonly #connections: Connections;
  readonly #routes: DaemonRoutes;
  readonly #dispatcher: Dispatcher;
  readonly #server: Server;
  #limits: BusLimits;
  #onIdle: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Reads or makes the keys of the bus.
   * @throws SesameError key-file-damaged, storage-*
   */
  constructor(options: BusServerOptions) {
    const { memory, logger, clock, suite, runtimeDirectory, identify, handlers, limits, observer = {} } = options;
    const paths = busPaths(runtimeDirectory);
    ensureDirectory(paths.keys, 0o700);
    this.#options = options;
    this.#limits = limits;
    this.#socketPath = options.socketPath ?? paths.socket;
    this.#origin = { name: ownName, clearance: 'secrets-only', uid: process.geteuid?.() ?? 0, pid: process.pid };
    this.#headers = new HeaderWriter(clock);
    this.#buckets = new TokenBuckets(clock, limits.ratePerSecond, limits.rateBurst);
    this.#connections = new Connections(logger);
    this.#routes = new DaemonRoutes(observer);
    this.#rotation = new KeyRotation({
      memory,
      logger,
      observer,
      runtimeDirectory,
      graceSeconds: () => this.#limits.graceSeconds,
      announce: (rotation) => this.#announce(rotation),
      revoked: (key) => this.#endConnectionsOf(key),
    });
    this.#admission = new Admission({
      memory,
      logger,
      clock,
      suite,
      observer,
      identify,
      registry: this.#rotation.registry,
      busKeys: () => this.#rotation.busKeys,
      handshakeTimeLimitMs: options.handshakeTimeLimitMs ?? handshakeTimeLimitMs,
      admitted: (socket, session, identity, refusal) => this.#onAdmitted(socket, session, identity, refusal),
    });
    this.#dispatcher = new Dispatcher({
      memory,
      logger,
      handlers,
      observer,
      headers: this.#headers,
      buckets: this.#buckets,
      origin: this.#origin,
      relayTo: (daemon) => this.#routes.to(daemon),
      relayOver: (connection) => this.#routes.over(connection),
      onProved: (connection) => this.#routes.add(connection),
      onFinished: () => this.#onFinished(),
    });
    this.#server = createServer((socket) => this.#admission.accept(socket));
  }

  /**
   * Starts to listen, after removing the socket of a server that died.
   * @throws SesameError already-running, socket-unusable
   */
  async listen(): Promise<void> {
    await listenOn(this.#server, this.#socketPath, this.#options.socketMode ?? 0o600);
    this.#server.on('error', (thrown) =>
      this.#options.logger.error('the bus cannot accept a connection', { cause: describe(thrown) }),
    );
  }

  /** Connections whose handshake is done. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Connections whose handshake is not done. */
  get unfinishedHandshakes(): number {
    return this.#admission.unfinished;
  }

  /** The registered daemons that are connected. */
  get daemons(): readonly string[] {
    return this.#connections.daemons;
  }

  broadcast<Kind extends EventKind>(kind: Kind, body: EventBody<Kind>): void {
    this.#connections.broadcast(kind, this.#eventHeader(kind, body));
  }

  /**
   * Asks a daemon on behalf of daemon-profile. The attachment stays the caller's; that of the reply is the caller's to release.
   * @throws SesameError daemon-unreachable, daemon-busy, connection-closed, request-timed-out, or what the daemon answers
   */
  request<Kind extends RequestKind>(
    kind: Kind,
    body: RequestBody<Kind>,
    attachment?: Uint8Array,
    timeoutMs = defaultTimeoutMs,
  ): Promise<Reply<Kind>> {
    return this.#ask(this.#origin, kind, body, attachment, timeoutMs);
  }

  /**
   * Asks a daemon on behalf of a client that has no connection of its own and that the caller has identified; what it may is what that client may.
   * The attachment of the reply is the caller's to release.
   * @throws SesameError rate-limited, clearance-too-low, and what `request` throws
   */
  async requestFor<Kind extends RequestKind>(
    client: Origin & { readonly name: string },
    kind: Kind,
    body: RequestBody<Kind>,
    timeoutMs: number,
  ): Promise<Reply<Kind>> {
    requireRate(this.#buckets, client.name);
    requireClearance(client.name, client.clearance, kind);
    return await this.#ask(client, kind, body, undefined, timeoutMs);
  }

  #ask<Kind extends RequestKind>(
    origin: Origin,
    kind: Kind,
    body: RequestBody<Kind>,
    attachment: Uint8Array | undefined,
    timeoutMs: number,
  ): Promise<Reply<Kind>> {
    const { answeredBy, level } = requestTable[kind];
    const header = this.#headers.write({ type: 'request', kind, level, body: encodeCbor(body) });
    return new Promise((resolve, reject) => {
      const relay = this.#routes.to(answeredBy);
      if (relay === undefined) throw notConnected(answeredBy);
      let timedOut = false;
      const timer = setTimeout(() => {
        timedOut = true;
        reject(SesameError.of('request-timed-out', { daemon: answeredBy, kind, seconds: timeoutMs / 1000 }));
      }, timeoutMs);
      relay.forward(header, origin, attachment, (answer) => {
        clearTimeout(timer);
        if (timedOut) return;
        try {
          resolve(readReply(this.#options.memory, kind, answer));
        } catch (thrown) {
          reject(asSesameError(thrown, kind));
        }
      });
    });
  }

  /**
   * Replaces a key; the old one is accepted until its grace has ended.
   * @param name `bus` or a registered daemon, which is asked to make its new key itself
   * @throws SesameError key-unknown, rotation-under-way, storage-*
   */
  rotate(name: string): RotationStarted {
    return this.#rotation.rotate(name);
  }

  /** Puts new limits in force, for connections that exist as well. */
  reconfigure(limits: BusLimits): void {
    this.#limits = limits;
    this.#buckets.configure(limits.ratePerSecond, limits.rateBurst);
  }

  /** Stops accepting, lets requests under way finish for two seconds, delivers what was sent, closes and wipes the keys. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#admission.close();
    // Daemons are still read: what is under way may need them.
    for (const connection of this.#connections) {
      if (connection.identity.registered === undefined) connection.stopReading();
    }
    await this.#untilIdle();
    for (const connection of this.#connections) connection.end();
    await closed;
    this.#rotation.close();
  }

  #untilIdle(): Promise<void> {
    if (this.#connections.pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, closeTimeLimitMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #onFinished(): void {
    if (this.#onIdle !== undefined && this.#connections.pending === 0) this.#onIdle();
  }

  #onAdmitted(socket: Socket, session: Session, identity: Identity, refusal: SesameError | undefined): void {
    const { logger } = this.#options;
    const connection = new Connection(socket, session, identity, {
      logger,
      limits: () => this.#limits,
      events: {
        onEnvelope: (envelope) => this.#dispatcher.dispatch(connection, envelope),
        onBroken: (error) => this.#onBroken(connection, error),
        onClosed: () => this.#onClosed(connection),
        onGrown: () => this.#connections.relieve(),
      },
    });
    this.#connections.add(connection);
    if (refusal !== undefined) {
      this.#dispatcher.dismiss(connection, refusal);
      return;
    }
    const displaced = identity.registered === undefined ? this.#connections.inTheWayOf(connection) : undefined;
    if (displaced !== undefined) {
      const reason = `too many connections of uid ${displaced.uid} are open`;
      this.#dispatcher.dismiss(displaced, SesameError.of('daemon-busy', { daemon: ownName, reason }));
    }
    if (displaced !== connection) connection.start();
  }

  #onBroken(connection: Connection, error: SesameError): void {
    this.#options.logger.warn('a connection sent what cannot be read and is closed', {
      client: connection.label,
      pid: connection.origin.pid,
      cause: error.message,
    });
    this.#dispatcher.dismiss(connection, error);
  }

  #onClosed(connection: Connection): void {
    this.#connections.remove(connection);
    this.#routes.remove(connection);
  }

  #announce(rotation: RotationStarted): void {
    const header = this.#eventHeader('key-rotation', { ...rotation });
    for (const connection of this.#connections) {
      // Whom it concerns most may not have subscribed yet.
      if (connection.identity.registered?.name === rotation.name) connection.subscriptions.add('key-rotation');
    }
    this.#connections.broadcast('key-rotation', header);
  }

  #endConnectionsOf(key: KeyPair | RegisteredKey): void {
    for (const connection of this.#connections) {
      const { busKey, registered } = connection.identity;
      if (busKey === key || registered === key) connection.end();
    }
  }

  #eventHeader<Kind extends EventKind>(kind: Kind, body: EventBody<Kind>): Header {
    const { level } = eventTable[kind];
    return this.#headers.write({ type: 'event', kind, level, body: encodeCbor(body), origin: this.#origin });
  }
}
