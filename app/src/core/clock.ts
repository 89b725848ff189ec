// SPDX-License-Identifier: MIT

/** Time as a caller sees it. Devices without an RTC start in 1970 and jump: only `monotonicMs` may order or measure. */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock, which may be wrong and may go backwards. */
  wallMs(): number;
  /** Milliseconds that never go backwards. */
  monotonicMs(): number;
}

/** Milliseconds that never go backwards. The global `performance` says the same, and its module takes 1.5 ms to load. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs };

/** The fake of Clock: stands still until it is moved. */
export class ManualClock implements Clock {
  #wall: number;
  #monotonic = 0;

  constructor(wallMs = 0) {
    this.#wall = wallMs;
  }

  wallMs(): number {
    return this.#wall;
  }

  monotonicMs(): number {
    return this.#monotonic;
  }

  advance(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#monotonic += milliseconds;
  }

  setWall(wallMs: number): void {
    this.#wall = wallMs;
  }
}
