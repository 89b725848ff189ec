// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import type { SecurityLevel } from '../core/clearance.ts';
import type { Clock } from '../core/clock.ts';
import { asSesameError, describe, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { TokenBuckets } from '../core/rate-limit.ts';
import type { NoiseSuite } from '../crypto/noise.ts';
import { type PeerCredentials, peerCredentials, peerUnit } from '../linux/peer.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import type { Identity } from './connection.ts';
import { mostDemanding } from './fairness.ts';
import { prefixed } from './frame.ts';
import { type Refusal, refusals, respond, type Session } from './handshake.ts';
import type { KeyPair } from './keys.ts';
import { mostLingering, mostUnfinishedHandshakes } from './limits.ts';
import type { BusObserver } from './observer.ts';
import type { KeyRegistry } from './registry.ts';

/** How long a refused connection is kept so that the refusal arrives, in milliseconds. */
const lingerMs = 1000;

/** One line a uid in ten seconds: refused connections cost nothing and must not fill the log. */
const refusalsLoggedPerSecond = 0.1;

/** Names that only a registered key may give. */
const reservedName = /^(bus$|daemon-)/;

/** What the kernel says of the other end. */
export interface Peer extends PeerCredentials {
  /** The service that it belongs to. Found out when it is first asked for. */
  unit(): string | undefined;
}

/** Who a connection is by the configuration: undefined when it matches no client. */
export type Identify = (
  peer: Peer,
  publicKey: Buffer | undefined,
) => { readonly name: string | undefined; readonly clearance: SecurityLevel } | undefined;

export interface AdmissionOptions {
  readonly memory: SecretMemory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly suite: NoiseSuite;
  readonly observer: BusObserver;
  readonly registry: KeyRegistry;
  readonly busKeys: () => readonly KeyPair[];
  readonly identify: Identify;
  readonly handshakeTimeLimitMs: number;
  /** @param refusal why the other end, whose key is known now, has to be sent away */
  admitted(socket: Socket, session: Session, identity: Identity, refusal: SesameError | undefined): void;
}

interface Unfinished {
  readonly socket: Socket;
  readonly uid: number;
  readonly timer: NodeJS.Timeout;
}

/** From an accepted socket to a connection whose other end is known, or to a refusal. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #unfinished = new Set<Unfinished>();
  readonly #lingering = new Set<Socket>();
  readonly #loggable: TokenBuckets;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#loggable = new TokenBuckets(options.clock, refusalsLoggedPerSecond, 1);
  }

  get unfinished(): number {
    return this.#unfinished.size;
  }

  accept(socket: Socket): void {
    // A reset is followed by a close, and the close is what everything here waits for.
    socket.on('error', (thrown) => this.#options.logger.debug('a connection failed', { cause: thrown.message }));
    socket.pause();
    try {
      const peer = peerOf(socket);
      if (this.#mayBeKnown(peer)) {
        void this.#shakeHands(socket, peer);
        return;
      }
      this.#options.observer.clientRefused?.(peer);
      this.#refuse(socket, peer.uid, 'client-refused', 'its uid matches no client');
    } catch (thrown) {
      // It was gone before it was admitted, or who it is cannot be found out.
      this.#options.logger.warn('a connection could not be admitted', { cause: describe(thrown) });
      socket.destroy();
    }
  }

  close(): void {
    for (const { socket } of this.#unfinished) socket.destroy();
    for (const socket of this.#lingering) socket.destroy();
  }

  #mayBeKnown(peer: Peer): boolean {
    return this.#options.identify(peer, undefined) !== undefined || this.#options.registry.knowsUid(peer.uid);
  }

  async #shakeHands(socket: Socket, peer: Peer): Promise<void> {
    const { memory, suite, busKeys, logger } = this.#options;
    const entry = this.#enter(socket, peer.uid);
    let session: Session & { readonly busKey: KeyPair };
    try {
      session = await respond(socket, { memory, suite, peer, busKeys });
    } catch (thrown) {
      if (!this.#leave(entry)) return;
      const error = asSesameError(thrown, 'the handshake');
      this.#refuse(socket, peer.uid, error.code === 'handshake-failed' ? 'handshake-failed' : 'busy', error.message);
      return;
    }
    try {
      if (this.#leave(entry)) this.#admit(socket, session, peer);
      else session.transport.destroy(); // it was refused while its message was under way
    } catch (thrown) {
      logger.error('a connection could not be admitted', { uid: peer.uid, cause: describe(thrown) });
      session.transport.destroy();
      socket.destroy();
    }
  }

  #admit(socket: Socket, session: Session & { readonly busKey: KeyPair }, peer: Peer): void {
    const { registry, identify, observer, logger, admitted } = this.#options;
    const { remotePublicKey, busKey } = session;
    const registered = registry.find(remotePublicKey, peer.uid);
    if (registered !== undefined) {
      admitted(socket, session, { peer, busKey, registered, name: registered.name, clearance: 'secrets-only' }, undefined);
      return;
    }
    const client = identify(peer, remotePublicKey);
    const isReserved = client?.name !== undefined && reservedName.test(client.name);
    if (isReserved) logger.error('a client is configured under a name that only daemons have', { name: client.name });
    if (client !== undefined && !isReserved) {
      admitted(socket, session, { peer, busKey, registered, ...client }, undefined);
      return;
    }
    observer.clientRefused?.(peer);
    const refusal = SesameError.of('client-refused', { uid: peer.uid });
    admitted(socket, session, { peer, busKey, registered, name: undefined, clearance: 'open' }, refusal);
  }

  #enter(socket: Socket, uid: number): Unfinished {
    const timer = setTimeout(() => {
      this.#leave(entry);
      this.#refuse(socket, uid, 'handshake-failed', 'it did not finish its handshake in time');
    }, this.#options.handshakeTimeLimitMs);
    const entry = { socket, uid, timer };
    this.#unfinished.add(entry);
    if (this.#unfinished.size > mostUnfinishedHandshakes) {
      const displaced = mostDemanding(this.#unfinished, () => 1);
      if (displaced !== undefined) {
        this.#leave(displaced);
        this.#refuse(displaced.socket, displaced.uid, 'busy', 'too many handshakes are unfinished');
      }
    }
    return entry;
  }

  /** Whether it was there: what has been refused meanwhile is not. */
  #leave(entry: Unfinished): boolean {
    clearTimeout(entry.timer);
    return this.#unfinished.delete(entry);
  }

  #refuse(socket: Socket, uid: number, refusal: Refusal, reason: string): void {
    if (socket.destroyed || this.#lingering.has(socket)) return;
    if (this.#loggable.take(String(uid))) this.#options.logger.warn('a connection is refused', { uid, refusal, reason });
    if (this.#lingering.size >= mostLingering) {
      socket.destroy();
      return;
    }
    this.#lingering.add(socket);
    socket.end(prefixed(Buffer.of(refusals[refusal])));
    // Unread bytes at close would reach the other side as a reset, before the refusal.
    socket.on('data', () => {}).resume();
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#lingering.delete(socket);
    });
  }
}

function peerOf(socket: Socket): Peer {
  let asked = false;
  let unit: string | undefined;
  return {
    ...peerCredentials(socket),
    unit() {
      if (!asked) unit = peerUnit(socket);
      asked = true;
      return unit;
    },
  };
}
