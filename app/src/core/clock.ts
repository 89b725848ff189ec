// SPDX-License-Identifier: MIT

/** Time as a caller sees it. Devices without an RTC start in 1970 and jump: only `monotonicMs` may order or measure. */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock, which may be wrong and may go backwards. */
  wallMs(): number;
  /** Milliseconds that never go backwards. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

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
