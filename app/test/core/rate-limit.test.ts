// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../src/core/clock.ts';
import { TokenBuckets } from '../../src/core/rate-limit.ts';

function taken(buckets: TokenBuckets, client: string, attempts: number): number {
  return Array.from({ length: attempts }, () => buckets.take(client)).filter(Boolean).length;
}

describe('token buckets', () => {
  it('let a burst through and no more', () => {
    assert.equal(taken(new TokenBuckets(new ManualClock(), 100, 200), 'a', 300), 200);
  });

  it('fill at the rate', () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 100, 200);
    taken(buckets, 'a', 200);
    clock.advance(500);
    assert.equal(taken(buckets, 'a', 300), 50);
  });

  it('never hold more than a burst', () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 100, 200);
    buckets.take('a');
    clock.advance(1_000_000);
    assert.equal(taken(buckets, 'a', 300), 200);
  });

  it('keep one client from spending what is another one\u2019s', () => {
    const buckets = new TokenBuckets(new ManualClock(), 100, 200);
    taken(buckets, 'a', 300);
    assert.equal(taken(buckets, 'b', 300), 200);
  });

  it('take a new rate for clients they know already', () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 100, 200);
    taken(buckets, 'a', 200);
    buckets.configure(1, 5);
    clock.advance(100_000);
    assert.equal(taken(buckets, 'a', 300), 5);
  });

  it('are not filled by a wall clock that jumps', () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 100, 200);
    taken(buckets, 'a', 200);
    clock.setWall(4_000_000_000_000);
    assert.equal(taken(buckets, 'a', 10), 0);
  });

  it('forget the full when there are many, and never the empty', () => {
    const clock = new ManualClock();
    const buckets = new TokenBuckets(clock, 1, 2);
    for (let client = 0; client < 1000; client += 1) {
      clock.advance(5000);
      buckets.take(`client ${client}`);
    }
    taken(buckets, 'empty', 2);
    for (let client = 0; client < 600; client += 1) buckets.take(`another ${client}`);
    assert.equal(buckets.take('empty'), false);
  });
});
