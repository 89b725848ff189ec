// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';
import type { Clock } from '../core/clock.ts';
import { uuidV7 } from '../core/uuid.ts';
import { encodeCbor } from './cbor.ts';
import type { EnvelopeType, Header, Origin } from './envelope.ts';

/** What is particular to one message. */
export interface Message {
  readonly type: EnvelopeType;
  readonly kind: string;
  readonly level: SecurityLevel;
  readonly body: Uint8Array;
  readonly correlation?: string;
  readonly origin?: Origin;
}

/** The body of a reply that says nothing but that it is done, and of requests without arguments. */
export const emptyBody = encodeCbor({});

/** Writes the headers of one sender. */
export class HeaderWriter {
  readonly sender: string;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.sender = uuidV7(clock.wallMs());
  }

  write(message: Message): Header {
    const wallMs = Math.max(0, Math.trunc(this.#clock.wallMs()));
    return {
      type: message.type,
      kind: message.kind,
      id: uuidV7(wallMs),
      correlation: message.correlation,
      sender: this.sender,
      wall_ms: wallMs,
      monotonic_ms: Math.trunc(this.#clock.monotonicMs()),
      level: message.level,
      origin: message.origin,
      body: message.body,
    };
  }
}
