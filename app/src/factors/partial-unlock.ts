// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';
import type { FactorId } from './factor-id.ts';
import { type Pieces, releasePieces } from './pieces.ts';

/** How long the first factor waits for the last, in milliseconds, as upstream has it and unless told otherwise. */
export const partialUnlockMs = 120_000;

export interface PartialUnlocksOptions {
  readonly clock: Clock;
  /** Told when the pieces of a profile were wiped because their time was over. */
  readonly onExpired: (profile: string) => void;
  /** In milliseconds, asked when the first factor comes; 120,000 when absent. */
  readonly windowMs?: () => number;
}

interface Collected {
  readonly pieces: Pieces;
  /** By the monotonic clock; later factors do not move it. */
  readonly deadlineMs: number;
  readonly timer: NodeJS.Timeout;
}

/** Pieces of master keys that wait for further factors. They are wiped at their deadline, on success and on lock. */
export class PartialUnlocks {
  readonly #clock: Clock;
  readonly #onExpired: (profile: string) => void;
  readonly #windowMs: () => number;
  readonly #profiles = new Map<string, Collected>();

  constructor({ clock, onExpired, windowMs = () => partialUnlockMs }: PartialUnlocksOptions) {
    this.#clock = clock;
    this.#onExpired = onExpired;
    this.#windowMs = windowMs;
  }

  /** Takes the pieces over; the map is empty afterwards. A factor that comes again replaces its piece. */
  add(profile: string, pieces: Pieces): void {
    const collected = this.#collected(profile) ?? this.#open(profile);
    for (const [factor, piece] of pieces) {
      collected.pieces.get(factor)?.release();
      collected.pieces.set(factor, piece);
    }
    pieces.clear();
  }

  presented(profile: string): ReadonlySet<FactorId> {
    return new Set(this.#collected(profile)?.pieces.keys());
  }

  /** Whole seconds until the pieces are wiped; 0 when there are none. */
  secondsLeft(profile: string): number {
    const collected = this.#collected(profile);
    return collected === undefined ? 0 : Math.ceil((collected.deadlineMs - this.#clock.monotonicMs()) / 1000);
  }

  /** Gives the pieces of a profile to the caller. */
  take(profile: string): Pieces {
    const collected = this.#collected(profile);
    if (collected === undefined) return new Map();
    this.#close(profile, collected);
    return collected.pieces;
  }

  /** Wipes the pieces of a profile, if there are any. */
  forget(profile: string): void {
    releasePieces(this.take(profile));
  }

  forgetAll(): void {
    for (const profile of [...this.#profiles.keys()]) this.forget(profile);
  }

  #open(profile: string): Collected {
    const windowMs = this.#windowMs();
    const timer = setTimeout(() => this.#expire(profile), windowMs);
    timer.unref();
    const collected = { pieces: new Map(), deadlineMs: this.#clock.monotonicMs() + windowMs, timer };
    this.#profiles.set(profile, collected);
    return collected;
  }

  #close(profile: string, collected: Collected): void {
    clearTimeout(collected.timer);
    this.#profiles.delete(profile);
  }

  /** Never hands out what is overdue, even when a busy event loop made the timer late. */
  #collected(profile: string): Collected | undefined {
    const collected = this.#profiles.get(profile);
    if (collected === undefined || this.#clock.monotonicMs() < collected.deadlineMs) return collected;
    this.#expire(profile);
    return undefined;
  }

  #expire(profile: string): void {
    const collected = this.#profiles.get(profile);
    if (collected === undefined) return;
    this.#close(profile, collected);
    releasePieces(collected.pieces);
    this.#onExpired(profile);
  }
}
