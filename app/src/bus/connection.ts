// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import type { SecurityLevel } from '../core/clearance.ts';
import type { SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { PeerCredentials } from '../linux/peer.ts';
import { Channel } from './channel.ts';
import type { Envelope, Header, Origin } from './envelope.ts';
import type { Session } from './handshake.ts';
import type { KeyPair } from './keys.ts';
import {
  attachmentsPauseAt,
  type BusLimits,
  longestDaemonQueue,
  longestQueue,
  mostPendingRequests,
  readingPausesAt,
} from './limits.ts';
import type { EventKind } from './messages.ts';
import type { RegisteredKey } from './registry.ts';

/** Who is at the other end, as far as it was proved. */
export interface Identity {
  readonly peer: PeerCredentials;
  /** The name of the registered key or of the matching `[clients.NAME]`; undefined for an unregistered client. */
  readonly name: string | undefined;
  readonly clearance: SecurityLevel;
  /** For daemons. */
  readonly registered: RegisteredKey | undefined;
  /** The key of the bus that the other end knew. */
  readonly busKey: KeyPair;
}

export interface ConnectionEvents {
  onEnvelope(envelope: Envelope): void;
  onBroken(error: SesameError): void;
  onClosed(): void;
  /** It holds part of a frame, or has more waiting than before. */
  onGrown(): void;
}

/** The server's end of one admitted connection: its identity, its queue and what is under way on it. */
export class Connection {
  readonly identity: Identity;
  readonly uid: number;
  readonly origin: Origin;
  readonly subscriptions = new Set<EventKind>();
  /** Chosen by the client with its first message. */
  senderId: string | undefined;
  readonly #channel: Channel;
  readonly #limits: () => BusLimits;
  readonly #events: ConnectionEvents;
  readonly #logger: Logger;
  #pending = 0;
  #attached = 0;
  #dropped = 0;
  #closing = false;
  #ended = false;
  #fullTimer: NodeJS.Timeout | undefined;

  constructor(
    socket: Socket,
    session: Session,
    identity: Identity,
    context: { readonly limits: () => BusLimits; readonly logger: Logger; readonly events: ConnectionEvents },
  ) {
    const { peer, name, clearance } = identity;
    this.identity = identity;
    this.uid = peer.uid;
    this.origin = { name, clearance, uid: peer.uid, pid: peer.pid };
    this.#limits = context.limits;
    this.#logger = context.logger;
    this.#events = context.events;
    this.#channel = new Channel(socket, session, {
      onEnvelope: (envelope) => this.#events.onEnvelope(envelope),
      onBroken: (error) => this.#events.onBroken(error),
      onClose: () => this.#onClose(),
      onPartial: () => this.#events.onGrown(),
      onSent: () => this.#onSent(),
    });
  }

  start(): void {
    this.#channel.start();
  }

  /** For logs and messages to people. */
  get label(): string {
    return this.identity.name ?? `uid ${this.uid}`;
  }

  /** Requests of it that are under way. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether nothing is under way on it and nothing is awaited from it. */
  get idle(): boolean {
    return this.#pending === 0 && this.subscriptions.size === 0 && this.held === 0 && this.waitingBytes === 0;
  }

  /** Whether it is being closed: it takes no place any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes of a frame that has not arrived whole. */
  get held(): number {
    return this.#channel.held;
  }

  /** Bytes that wait to be read by the other end. */
  get waitingBytes(): number {
    return this.#channel.waitingBytes;
  }

  /** What its queue holds before it is full, in bytes. */
  get queueLength(): number {
    return this.identity.registered === undefined ? longestQueue : longestDaemonQueue;
  }

  /** Whether its queue takes no more. */
  get full(): boolean {
    return this.#isFilledTo(1);
  }

  /** Whether half of its queue is taken. */
  get crowded(): boolean {
    return this.#isFilledTo(0.5);
  }

  /** What a message of this length takes of its queue, in bytes: at least the place of one of the messages that it holds. */
  queued(length: number): number {
    return Math.max(length, Math.ceil(this.queueLength / this.#limits().channelCapacity));
  }

  /** @throws SesameError frame-too-long */
  send(header: Header, attachment?: Uint8Array): void {
    this.#channel.send(header, attachment);
    if (this.#channel.waitingBytes > 0) this.#onQueued();
  }

  /** Sends a broadcast unless the queue is full. Whoever stays full is disconnected; whoever recovers is named with what it missed. */
  publish(header: Header): void {
    if (this.full) this.#dropped += 1;
    else this.send(header);
  }

  /** A request of this connection is under way. @param attached bytes of its attachment */
  begin(attached: number): void {
    this.#pending += 1;
    this.#attached += attached;
    this.#adjustReading();
  }

  finish(attached: number): void {
    this.#pending -= 1;
    this.#attached -= attached;
    this.#adjustReading();
  }

  /** Takes no more requests; what is under way goes on. */
  stopReading(): void {
    this.#closing = true;
    this.#adjustReading();
  }

  /** Delivers what was sent, then closes. */
  end(): void {
    this.#ended = true;
    this.#channel.end();
  }

  destroy(): void {
    this.#channel.destroy();
  }

  #isFilledTo(share: number): boolean {
    const { waiting, waitingBytes } = this.#channel;
    return waiting >= share * this.#limits().channelCapacity || waitingBytes >= share * this.queueLength;
  }

  #onQueued(): void {
    this.#watchQueue();
    this.#adjustReading();
    this.#events.onGrown();
  }

  #onSent(): void {
    // A daemon that still takes messages is at work, however many wait for it.
    if (this.identity.registered !== undefined) this.#stopWatching();
    this.#watchQueue();
    this.#adjustReading();
  }

  #watchQueue(): void {
    // Requests for a daemon are refused before its queue is full.
    if (this.identity.registered === undefined ? this.full : this.crowded) {
      this.#fullTimer ??= setTimeout(() => this.#disconnectSlow(), this.#limits().slowSubscriberTimeoutMs);
      return;
    }
    this.#stopWatching();
    if (this.#dropped === 0) return;
    this.#logger.warn('a slow subscriber missed broadcasts', { client: this.label, pid: this.origin.pid, missed: this.#dropped });
    this.#dropped = 0;
  }

  #stopWatching(): void {
    clearTimeout(this.#fullTimer);
    this.#fullTimer = undefined;
  }

  #disconnectSlow(): void {
    this.#logger.warn('a slow subscriber is disconnected', {
      client: this.label,
      pid: this.origin.pid,
      waiting: this.#channel.waiting,
      bytes: this.#channel.waitingBytes,
      timeout_ms: this.#limits().slowSubscriberTimeoutMs,
    });
    this.destroy();
  }

  /** A client that asks faster than it is answered, or does not read its answers, waits in the kernel. */
  #adjustReading(): void {
    const wait =
      this.#closing ||
      this.#pending >= mostPendingRequests ||
      this.#attached >= attachmentsPauseAt ||
      this.#channel.waitingBytes >= readingPausesAt;
    if (wait) this.#channel.pause();
    else this.#channel.resume();
  }

  #onClose(): void {
    this.#stopWatching();
    this.#events.onClosed();
  }
}
