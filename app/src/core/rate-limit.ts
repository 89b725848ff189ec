// SPDX-License-Identifier: MIT
import type { Clock } from './clock.ts';

interface Bucket {
  tokens: number;
  filledAt: number;
}

/** When this many clients have a bucket, those that are full again are forgotten: a full bucket says nothing. */
const bucketsBeforeSweep = 256;

/** One token bucket per client: `ratePerSecond` requests a second in the long run, `burst` at once. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  #ratePerSecond: number;
  #burst: number;

  constructor(clock: Clock, ratePerSecond: number, burst: number) {
    this.#clock = clock;
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
  }

  get ratePerSecond(): number {
    return this.#ratePerSecond;
  }

  configure(ratePerSecond: number, burst: number): void {
    this.#ratePerSecond = ratePerSecond;
    this.#burst = burst;
  }

  /** Takes one token from a client's bucket; false when it is empty. */
  take(client: string): boolean {
    const now = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(client);
    const tokens = bucket === undefined ? this.#burst : this.#tokens(bucket, now);
    if (tokens < 1) return false;
    if (bucket === undefined && this.#buckets.size >= bucketsBeforeSweep) this.#sweep(now);
    this.#buckets.set(client, { tokens: tokens - 1, filledAt: now });
    return true;
  }

  #tokens(bucket: Bucket, now: number): number {
    return Math.min(this.#burst, bucket.tokens + ((now - bucket.filledAt) * this.#ratePerSecond) / 1000);
  }

  #sweep(now: number): void {
    for (const [client, bucket] of this.#buckets) {
      if (this.#tokens(bucket, now) >= this.#burst) this.#buckets.delete(client);
    }
  }
}
