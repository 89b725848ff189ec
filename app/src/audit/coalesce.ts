// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';
import { TokenBuckets } from '../core/rate-limit.ts';

export interface CoalescerOptions<Event> {
  readonly clock: Clock;
  /** Who did it: everybody has an allowance of entries of their own. */
  readonly clientOf: (event: Event) => string;
  /** What it was done with, as far as entries tell that apart. Without this the last event stands for all of a client. */
  readonly subjectOf?: (event: Event) => string;
  /** @param repeated how many events of the client with this subject the entry stands for */
  readonly write: (event: Event, repeated: number) => void;
  /** An event without its subject, for a client that has too many of them. */
  readonly blur?: (event: Event) => Event;
  /** Whether each event is an entry of its own as long as the client's allowance lasts. */
  readonly eachWhileAllowed?: boolean;
  /** For how long events are counted before they are written, in ms. */
  readonly windowMs?: number;
}

interface Window<Event> {
  readonly client: string;
  endMs: number;
  /** What was not written yet. */
  counted: { readonly event: Event; readonly repeated: number } | undefined;
}

/** Clients that are told apart, and subjects of each; the rest share one window, so that inventing names gains nothing. */
const mostClients = 256;
const mostSubjects = 64;

/**
 * The entries of one client: what a busy program needs when it starts, and in the long run 8640 a day, about 4 MB. Beyond that its events
 * are counted until their turn comes.
 */
const entriesAtOnce = 256;
const entriesPerSecond = 0.1;

/**
 * Turns events that anybody can bring about in any number into few entries that account for all of them, so that nobody can push
 * older entries out of the log. The first event is written at once; those that follow are counted, a second at least.
 */
export class Coalescer<Event> {
  readonly #options: CoalescerOptions<Event>;
  readonly #windowMs: number;
  readonly #allowance: TokenBuckets;
  readonly #windows = new Map<string, Window<Event>>();
  /** How many windows each client has. */
  readonly #subjects = new Map<string, number>();
  #dueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CoalescerOptions<Event>) {
    this.#options = options;
    this.#windowMs = options.windowMs ?? 1000;
    this.#allowance = new TokenBuckets(options.clock, entriesPerSecond, entriesAtOnce);
  }

  /** @param times how many events this one stands for already */
  add(event: Event, times = 1): void {
    const now = this.#options.clock.monotonicMs();
    if (now >= this.#dueMs) this.#writeDue(now);
    const { key, client, shown } = this.#placeOf(event);
    // Not before those that are already being counted.
    if (this.#options.eachWhileAllowed === true && !this.#subjects.has(client) && this.#allowance.take(client)) {
      this.#options.write(event, times);
      return;
    }
    const window = this.#windows.get(key);
    if (window === undefined) this.#open(key, client, { event: shown, repeated: times }, now);
    else window.counted = { event: shown, repeated: (window.counted?.repeated ?? 0) + times };
    this.#timer ??= setInterval(() => this.#writeDue(this.#options.clock.monotonicMs()), this.#windowMs);
  }

  /** Writes what is still being counted. */
  close(): void {
    this.#stop();
    for (const { counted } of this.#windows.values())
      if (counted !== undefined) this.#options.write(counted.event, counted.repeated);
    this.#windows.clear();
    this.#subjects.clear();
  }

  #placeOf(event: Event): { readonly key: string; readonly client: string; readonly shown: Event } {
    const { clientOf, subjectOf = () => '', blur = (same) => same } = this.#options;
    const name = clientOf(event);
    const client = this.#subjects.has(name) || this.#subjects.size < mostClients ? name : '';
    const key = keyOf(client, subjectOf(event));
    if (this.#windows.has(key) || (this.#subjects.get(client) ?? 0) < mostSubjects) return { key, client, shown: event };
    return { key: keyOf(client, ''), client, shown: blur(event) };
  }

  #open(key: string, client: string, counted: NonNullable<Window<Event>['counted']>, now: number): void {
    const window = { client, endMs: now + this.#windowMs, counted };
    this.#windows.set(key, window);
    this.#subjects.set(client, (this.#subjects.get(client) ?? 0) + 1);
    this.#write(window);
  }

  /** Whether the client's allowance had an entry left. */
  #write(window: Window<Event>): boolean {
    const { client, counted } = window;
    if (counted === undefined || !this.#allowance.take(client)) return false;
    window.counted = undefined;
    this.#options.write(counted.event, counted.repeated);
    return true;
  }

  #writeDue(now: number): void {
    this.#dueMs = now + this.#windowMs;
    for (const [key, window] of [...this.#windows]) {
      if (now < window.endMs) continue;
      if (window.counted === undefined) this.#forget(key, window.client);
      else if (this.#write(window)) {
        window.endMs = now + this.#windowMs;
        // Behind the others, whose turn it is with the client's next entry.
        this.#windows.delete(key);
        this.#windows.set(key, window);
      }
    }
    if (this.#windows.size === 0) this.#stop();
  }

  #forget(key: string, client: string): void {
    this.#windows.delete(key);
    const left = (this.#subjects.get(client) ?? 1) - 1;
    if (left > 0) this.#subjects.set(client, left);
    else this.#subjects.delete(client);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function keyOf(client: string, subject: string): string {
  return `${client}\0${subject}`;
}
