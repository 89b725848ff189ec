// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { uuidV7 } from '../core/uuid.ts';
import { type Answer, errorAnswer } from './answer.ts';
import type { Connection } from './connection.ts';
import type { Envelope, Header, Origin } from './envelope.ts';

interface PendingRelay {
  readonly kind: string;
  deliver(answer: Answer): void;
}

/** Passes requests on to one daemon and its answers back. Bodies and attachments go through unread. */
export class Relay {
  readonly target: Connection;
  readonly daemon: string;
  readonly #pending = new Map<string, PendingRelay>();

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
    if (this.target.full) throw SesameError.of('daemon-busy', { daemon: this.daemon, reason: 'its queue is full' });
    const id = uuidV7(header.wall_ms);
    this.target.send(restamped(header, id, origin), attachment);
    this.#pending.set(id, { kind: header.kind, deliver });
  }

  /** Delivers an answer of the daemon; false when it answers nothing that was asked. */
  settle({ header, attachment }: Envelope): boolean {
    const { correlation, type, body } = header;
    const pending = correlation === undefined ? undefined : this.#pending.get(correlation);
    if (correlation === undefined || pending === undefined || (type !== 'reply' && type !== 'error')) return false;
    this.#pending.delete(correlation);
    pending.deliver({ type, body, attachment });
    return true;
  }

  /** The daemon is gone: everything under way fails. */
  fail(): void {
    for (const [id, { kind, deliver }] of [...this.#pending]) {
      this.#pending.delete(id);
      deliver(errorAnswer(SesameError.of('connection-closed', { daemon: this.daemon, kind })));
    }
  }
}

/** Written out: a spread of the header would take as long as encrypting it. */
function restamped(header: Header, id: string, origin: Origin): Header {
  const { type, kind, correlation, sender, wall_ms, monotonic_ms, level, body } = header;
  return { type, kind, id, correlation, sender, wall_ms, monotonic_ms, level, origin, body };
}
