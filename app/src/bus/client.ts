// SPDX-License-Identifier: MIT
import { type Clock, monotonicMs, systemClock } from '../core/clock.ts';
import { asSesameError, describe, type SesameError, unreachable } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { generateKeyPair, type NoiseSuite } from '../crypto/noise.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { busUnreachable } from './connect.ts';
import type { Header } from './envelope.ts';
import type { Handlers } from './handler.ts';
import { busPaths, type KeyFiles, type KeyPair } from './keys.ts';
import { Link, type LinkOptions } from './link.ts';
import type { EventBody, EventKind, RequestBody, RequestKind } from './messages.ts';
import type { Reply } from './reply.ts';
import { decodeEventBody, isEventKind } from './validation.ts';

export type { Reply } from './reply.ts';

const defaultTimeoutMs = 10_000;
const shortestBackoffMs = 50;
const longestBackoffMs = 2000;

/** A broadcast with its body, told apart by `kind`. */
export type BusEvent = { [Kind in EventKind]: { readonly kind: Kind; readonly body: EventBody<Kind> } }[EventKind];

export interface BusClientOptions {
  readonly memory: SecretMemory;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Where bus.pub is, and bus.sock unless `socketPath` says otherwise. */
  readonly runtimeDirectory: string;
  readonly socketPath?: string;
  readonly suite: NoiseSuite;
  /** A registered key; it stays the caller's. Without `key` and `keyFiles` the key is made for this client alone. */
  readonly key?: KeyPair;
  /** A daemon's own key files under `keys/`: read or made here, and replaced when the bus asks for it. */
  readonly keyFiles?: KeyFiles;
  /** The requests that this daemon answers. */
  readonly handlers?: Handlers;
  /** Keeps connecting: `connect` then succeeds while the bus is down, and a lost connection comes back. */
  readonly reconnect?: boolean;
  onConnect?(): void;
  /** @param error why the connection was lost or could not be made */
  onDisconnect?(error: SesameError): void;
  onEvent?(event: BusEvent): void;
}

export interface RequestOptions {
  /** Until the reply is there, in milliseconds; 10,000 when absent. */
  readonly timeoutMs?: number;
  /** Waits for a connection, within the timeout, where the request would fail with daemon-unreachable. */
  readonly waitForConnection?: boolean;
}

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} };

/** A program's end of the bus. */
export class BusClient {
  readonly #options: BusClientOptions;
  readonly #logger: Logger;
  readonly #linkOptions: LinkOptions;
  readonly #subscriptions = new Set<EventKind>();
  readonly #waiters = new Set<(link: Link) => void>();
  readonly #replacedKeys: KeyPair[] = [];
  #key: KeyPair;
  #opening = 0;
  #link: Link | undefined;
  #attempt = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: BusClientOptions) {
    const { memory, runtimeDirectory, suite } = options;
    const paths = busPaths(runtimeDirectory);
    this.#options = options;
    this.#logger = options.logger ?? silent;
    this.#key = options.key ?? options.keyFiles?.loadOrCreate() ?? ephemeralKey(memory);
    this.#linkOptions = {
      memory,
      suite,
      clock: options.clock ?? systemClock,
      logger: this.#logger,
      handlers: options.handlers ?? {},
      socketPath: options.socketPath ?? paths.socket,
      publicKeyPath: paths.publicKey,
    };
    if (options.reconnect) this.#subscriptions.add('key-rotation');
  }

  /**
   * Connects. With `reconnect` this returns after the first attempt, whatever came of it.
   * @throws SesameError daemon-unreachable, handshake-failed, client-refused, daemon-busy, key-file-damaged
   */
  static async connect(options: BusClientOptions): Promise<BusClient> {
    const client = new BusClient(options);
    if (options.reconnect) {
      await client.#tryToConnect();
      return client;
    }
    try {
      await client.#open();
      return client;
    } catch (thrown) {
      await client.close();
      throw thrown;
    }
  }

  get connected(): boolean {
    return this.#link !== undefined;
  }

  /** Whether there is a connection now or, for a client with `reconnect`, within this time in ms. */
  async connects(withinMs: number): Promise<boolean> {
    if (this.connected) return true;
    return await this.#nextLink(withinMs).then(
      () => true,
      () => false,
    );
  }

  /**
   * Asks the daemon that answers this kind. The attachment stays the caller's; that of the reply is the caller's to release.
   * @throws SesameError daemon-unreachable, connection-closed, request-timed-out, frame-too-long, or what the daemon answers
   */
  async request<Kind extends RequestKind>(
    kind: Kind,
    body: RequestBody<Kind>,
    attachment?: Uint8Array,
    { timeoutMs = defaultTimeoutMs, waitForConnection = false }: RequestOptions = {},
  ): Promise<Reply<Kind>> {
    const startedAt = monotonicMs();
    const link = this.#link ?? (waitForConnection ? await this.#nextLink(timeoutMs) : undefined);
    if (link === undefined) throw this.#unreachable();
    return link.request(kind, body, attachment, Math.max(1, Math.ceil(timeoutMs - (monotonicMs() - startedAt))));
  }

  /**
   * Asks for broadcasts, now and after every reconnection.
   * @throws SesameError connection-closed, request-timed-out; with `reconnect` it is asked again instead
   */
  async subscribe(kinds: readonly EventKind[]): Promise<void> {
    for (const kind of kinds) this.#subscriptions.add(kind);
    if (this.#link === undefined) return;
    try {
      await this.#sendSubscriptions(this.#link);
    } catch (thrown) {
      if (this.#options.reconnect !== true) throw thrown;
      this.#logger.debug('the subscriptions wait for the next connection', { cause: describe(thrown) });
    }
  }

  /** Lets handlers that are answering finish for two seconds, delivers what was sent and closes. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const link = this.#link;
    this.#link = undefined;
    await link?.end();
    if (this.#key !== this.#options.key) this.#replacedKeys.push(this.#key);
    this.#releaseReplacedKeys();
  }

  async #open(): Promise<void> {
    const link = await this.#shakeHands();
    if (this.#closed) {
      await link.end();
      return;
    }
    this.#link?.retire();
    this.#link = link;
    this.#attempt = 0;
    for (const waiter of [...this.#waiters]) waiter(link);
    this.#options.onConnect?.();
    // A daemon that answers has to say something first: until then its handshake could be a replay, and the bus asks it nothing.
    if (this.#subscriptions.size > 0 || this.#options.handlers !== undefined) await this.#sendSubscriptions(link);
  }

  async #shakeHands(): Promise<Link> {
    this.#opening += 1;
    try {
      const link: Link = await Link.open(this.#key, this.#linkOptions, {
        onEvent: (header) => this.#onEvent(header),
        onClose: (error) => this.#onLinkClosed(link, error),
      });
      return link;
    } finally {
      this.#opening -= 1;
      this.#releaseReplacedKeys();
    }
  }

  /** A key that was replaced may still be in a handshake. */
  #releaseReplacedKeys(): void {
    if (this.#opening > 0) return;
    for (const { privateKey } of this.#replacedKeys.splice(0)) privateKey.release();
  }

  async #sendSubscriptions(link: Link): Promise<void> {
    await link.request('bus-subscribe', { kinds: [...this.#subscriptions] }, undefined, defaultTimeoutMs);
  }

  async #tryToConnect(): Promise<void> {
    try {
      await this.#open();
    } catch (thrown) {
      const error = asSesameError(thrown, 'the bus client');
      this.#logger.debug('the bus is out of reach', { code: error.code, cause: error.message, attempt: this.#attempt });
      if (this.#attempt === 0) this.#options.onDisconnect?.(error);
      this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#closed || this.#options.reconnect !== true || this.#link !== undefined) return;
    const backoff = Math.min(longestBackoffMs, shortestBackoffMs * 2 ** Math.min(this.#attempt, 16));
    this.#attempt += 1;
    clearTimeout(this.#timer);
    // Jitter, or all clients of a restarted bus come back in the same instant.
    this.#timer = setTimeout(() => void this.#tryToConnect(), backoff * (0.5 + Math.random() / 2));
  }

  #onLinkClosed(link: Link, error: SesameError | undefined): void {
    if (link !== this.#link) return;
    this.#link = undefined;
    this.#options.onDisconnect?.(error ?? this.#unreachable());
    this.#retryLater();
  }

  /** A broadcast that is not understood, or whose listener fails, is no reason to lose the connection. */
  #onEvent({ kind, body }: Header): void {
    if (!isEventKind(kind)) return;
    try {
      const event = readEvent(kind, body);
      if (event.kind === 'key-rotation') this.#onKeyRotation(event.body.name);
      this.#options.onEvent?.(event);
    } catch (thrown) {
      this.#logger.error('a broadcast could not be dealt with', { kind, cause: describe(thrown) });
    }
  }

  /** Comes back with the new keys while the old connection still finishes what is under way. */
  #onKeyRotation(name: string): void {
    const { keyFiles } = this.#options;
    if (name !== 'bus' && name !== keyFiles?.name) return;
    if (name === keyFiles?.name) {
      try {
        const renewed = keyFiles.replace();
        this.#replacedKeys.push(this.#key);
        this.#key = renewed;
      } catch (thrown) {
        this.#logger.error('the key of this daemon could not be replaced; the old one stays', { name, cause: describe(thrown) });
        return;
      }
    }
    this.#open().catch((thrown: unknown) => {
      this.#logger.warn('no connection with the new key yet', { name, cause: describe(thrown) });
      this.#retryLater();
    });
  }

  #nextLink(timeoutMs: number): Promise<Link> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(accept);
      };
      const accept = (link: Link) => {
        settle();
        resolve(link);
      };
      const timer = setTimeout(() => {
        settle();
        reject(this.#unreachable());
      }, timeoutMs);
      this.#waiters.add(accept);
    });
  }

  #unreachable(): SesameError {
    return busUnreachable(this.#linkOptions.socketPath, 'there is no connection');
  }
}

function readEvent(kind: EventKind, body: Uint8Array): BusEvent {
  switch (kind) {
    case 'vault-changed':
      return { kind, body: decodeEventBody(kind, body) };
    case 'profile-changed':
      return { kind, body: decodeEventBody(kind, body) };
    case 'key-rotation':
      return { kind, body: decodeEventBody(kind, body) };
    default:
      return unreachable(kind);
  }
}

function ephemeralKey(memory: SecretMemory): KeyPair {
  const { publicKey, privateKey } = generateKeyPair();
  return { publicKey, privateKey: memory.take(privateKey) };
}
