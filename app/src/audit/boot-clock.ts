// SPDX-License-Identifier: MIT
import { monotonicMs } from '../core/clock.ts';
import { bootTimeMs } from '../linux/boot.ts';

/** For how long one look at the kernel's clock serves, in ms awake. */
const validMs = 1000;

/**
 * The time since the boot for every entry, without a system call through the foreign function interface for each: it takes longer
 * than everything else about an entry. In between, time goes on by Node's clock, which stands still while the device sleeps.
 */
export class BootClock {
  #readAtMs = Number.NEGATIVE_INFINITY;
  #aheadMs = 0;
  #lastMs = 0;

  /** Whole milliseconds since the boot; those asleep appear within a second of waking up. */
  nowMs(): number {
    const now = monotonicMs();
    if (now - this.#readAtMs > validMs) {
      this.#aheadMs = bootTimeMs() - now;
      this.#readAtMs = now;
    }
    this.#lastMs = Math.max(this.#lastMs, Math.floor(now + this.#aheadMs)); // two looks differ by what looking takes
    return this.#lastMs;
  }
}
