// SPDX-License-Identifier: MIT
import { randomInt } from 'node:crypto';

/** Whether the long campaigns run: `npm run test:long`. */
export const longCampaign = process.env['CAMPAIGN'] === 'long';

/** How many rounds a campaign has, in `npm test` and in `npm run test:long`. */
export function rounds(sample: number, full: number): number {
  return longCampaign ? full : sample;
}

/** Random numbers that a seed brings back: the mulberry32 generator. */
export interface Random {
  readonly seed: number;
  /** From 0 to below the limit. */
  below(limit: number): number;
}

/** @param seed from the environment variable SEED when absent, or else a new one; print it with every failure */
export function seededRandom(seed = Number(process.env['SEED'] ?? randomInt(2 ** 32))): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, below: (limit) => Math.floor(next() * limit) };
}
