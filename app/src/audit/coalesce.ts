// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';

export interface DenialCoalescerOptions<Denial> {
  readonly clock: Clock;
  /** Who was denied. */
  readonly identify: (denial: Denial) => string;
  /** @param repeated how many denials of the same client the entry stands for */
  readonly write: (denial: Denial, repeated: number) => void;
  /** What stands for two denials of one client; by default the later one. */
  readonly combine?: (earlier: Denial, later: Denial) => Denial;
  /** For how long denials of one client are counted before they are written, in ms. */
  readonly windowMs?: number;
}

interface Window<Denial> {
  readonly endMs: number;
  /** Denials since the window began that were not written. */
  readonly counted: { readonly denial: Denial; readonly repeated: number } | undefined;
}

/** Clients that are told apart; the rest share one window, so that inventing names gains nothing. */
const mostClients = 256;
const everybodyElse = '';

/** Lets each client write at most two entries a second by being refused, so that nobody can flush the log with denials. */
export class DenialCoalescer<Denial> {
  readonly #options: DenialCoalescerOptions<Denial>;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window<Denial>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DenialCoalescerOptions<Denial>) {
    this.#options = options;
    this.#windowMs = options.windowMs ?? 1000;
  }

  /** Writes the first denial of a client at once and counts those that follow within a second of it. */
  add(denial: Denial): void {
    const { clock, identify, combine = (_, later) => later } = this.#options;
    this.#writeDue();
    const name = identify(denial);
    const client = this.#windows.has(name) || this.#windows.size < mostClients ? name : everybodyElse;
    const window = this.#windows.get(client);
    if (window === undefined) {
      this.#windows.set(client, { endMs: clock.monotonicMs() + this.#windowMs, counted: undefined });
      this.#options.write(denial, 1);
    } else {
      const { counted, endMs } = window;
      const next =
        counted === undefined
          ? { denial, repeated: 1 }
          : { denial: combine(counted.denial, denial), repeated: counted.repeated + 1 };
      this.#windows.set(client, { endMs, counted: next });
    }
    this.#timer ??= setInterval(() => this.#writeDue(), this.#windowMs);
  }

  /** Writes what is still being counted. */
  close(): void {
    this.#stop();
    for (const { counted } of this.#windows.values())
      if (counted !== undefined) this.#options.write(counted.denial, counted.repeated);
    this.#windows.clear();
  }

  #writeDue(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [client, { endMs, counted }] of this.#windows) {
      if (now < endMs) continue;
      if (counted === undefined) {
        this.#windows.delete(client);
        continue;
      }
      // A client that goes on gets another window right away, or it would write its first denial of every second as well.
      this.#windows.set(client, { endMs: now + this.#windowMs, counted: undefined });
      this.#options.write(counted.denial, counted.repeated);
    }
    if (this.#windows.size === 0) this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
