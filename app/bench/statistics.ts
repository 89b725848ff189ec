// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';

/** The value that a share of all values does not exceed (the nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  assert.ok(value !== undefined, 'a percentile of something');
  return value;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** How long each call took, in µs. */
export function timeEach(count: number, action: (index: number) => void): number[] {
  return Array.from({ length: count }, (_, index) => {
    const start = performance.now();
    action(index);
    return (performance.now() - start) * 1000;
  });
}

/** How long each call took, one after the other, in µs. */
export async function timeEachAsync(count: number, action: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await action(index);
    times.push((performance.now() - start) * 1000);
  }
  return times;
}
