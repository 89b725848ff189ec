// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { uuidV7 } from '../core/uuid.ts';
import { type Answer, errorAnswer } from './answer.ts';
import { Claims } from './claims.ts';
import type { Connection } from './connection.ts';
import type { Envelope, Header, Origin } from './envelope.ts';

interface PendingRelay {
  readonly kind: string;
  readonly uid: number;
  /** What it took of the queue, in bytes. */
  readonly queued: number;
  deliver(answer: Answer): void;
}

/** Passes requests on to one daemon and its answers back. Bodies and attachments go through unread. */
export class Relay {
  readonly target: Connection;
  readonly daemon: string;
  readonly #pending = new Map<string, PendingRelay>();
  /** What each uid has under way, in bytes of the queue. */
  readonly #claims = new Claims<number>();

  constructor(target: Connection, daemon: string) {
    this.target = target;
    this.daemon = daemon;
  }

  /**
   * @param header gets an id of our own, for two clients may have chosen the same
   * @param origin stamped over whatever the header claims
   * @param deliver called once, in the tick in which the answer arrived; its attachment is wiped afterwards
   * @throws SesameError daemon-busy, frame-too-long
   */
  forward(header: Header, origin: Origin, attachment: Uint8Array | undefined, deliver: (answer: Answer) => void): void {
    if (this.target.full) throw this.#busy('its queue is full');
    const { uid } = origin;
    if (this.#takesTooMuch(uid)) throw this.#busy(`uid ${uid} has its share of the queue`);
    const id = uuidV7(header.wall_ms);
    this.target.send(restamped(header, id, origin), attachment);
    const queued = this.target.queued(header.body.length + (attachment?.length ?? 0));
    this.#claims.take(uid, queued);
    this.#pending.set(id, { kind: header.kind, uid, queued, deliver });
  }

  /** Delivers an answer of the daemon; false when it answers nothing that was asked. */
  settle({ header, attachment }: Envelope): boolean {
    const { correlation, type, body } = header;
    const pending = correlation === undefined ? undefined : this.#pending.get(correlation);
    if (correlation === undefined || pending === undefined || (type !== 'reply' && type !== 'error')) return false;
    this.#forget(correlation, pending);
    pending.deliver({ type, body, attachment });
    return true;
  }

  /** The daemon is gone: everything under way fails. */
  fail(): void {
    for (const [id, pending] of [...this.#pending]) {
      this.#forget(id, pending);
      pending.deliver(errorAnswer(SesameError.of('connection-closed', { daemon: this.daemon, kind: pending.kind })));
    }
  }

  /**
   * While there is room anybody may use it. Once half of the queue is taken, each uid gets an equal part of it, with one part free
   * for whoever comes next: so one that floods it leaves the others theirs.
   */
  #takesTooMuch(uid: number): boolean {
    return this.target.crowded && this.#claims.of(uid) >= this.target.queueLength / (this.#claims.claimants + 1);
  }

  #forget(id: string, { uid, queued }: PendingRelay): void {
    this.#pending.delete(id);
    this.#claims.giveBack(uid, queued);
  }

  #busy(reason: string): SesameError {
    return SesameError.of('daemon-busy', { daemon: this.daemon, reason });
  }
}

/** Written out: a spread of the header would take as long as encrypting it. */
function restamped(header: Header, id: string, origin: Origin): Header {
  const { type, kind, correlation, sender, wall_ms, monotonic_ms, level, body } = header;
  return { type, kind, id, correlation, sender, wall_ms, monotonic_ms, level, origin, body };
}
