// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { ManualClock } from '../../src/core/clock.ts';
import type { FactorId } from '../../src/factors/factor-id.ts';
import { PartialUnlocks, partialUnlockMs } from '../../src/factors/partial-unlock.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { memory } from './fixture.ts';

let clock: ManualClock;
let expired: string[];
let partial: PartialUnlocks;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  clock = new ManualClock();
  expired = [];
  partial = new PartialUnlocks({ clock, onExpired: (profile) => expired.push(profile) });
});
afterEach(() => {
  partial.forgetAll();
  mock.timers.reset();
});

function present(factor: FactorId, profile = 'home'): SecretBytes {
  const piece = memory.allocate(32);
  partial.add(profile, new Map([[factor, piece]]));
  return piece;
}

describe('a partial unlock', () => {
  it('collects the factors that were presented', () => {
    present('password');
    present('tpm');
    assert.deepEqual([...partial.presented('home')], ['password', 'tpm']);
  });

  it('keeps profiles apart', () => {
    present('password');
    assert.equal(partial.presented('work').size, 0);
  });

  it('replaces and wipes the piece of a factor that comes again', () => {
    const first = present('password');
    const second = present('password');
    assert.deepEqual([first.released, second.released], [true, false]);
  });

  it('hands its pieces over once', () => {
    const piece = present('password');
    assert.equal(partial.take('home').get('password'), piece);
    assert.equal(partial.take('home').size, 0);
    piece.release();
  });

  it('is wiped when it is forgotten', () => {
    const piece = present('password');
    partial.forget('home');
    assert.equal(piece.released, true);
  });

  it('is wiped with all others', () => {
    const pieces = [present('password'), present('password', 'work')];
    partial.forgetAll();
    assert.deepEqual(
      pieces.map((piece) => piece.released),
      [true, true],
    );
  });

  it('counts down from two minutes', () => {
    present('password');
    clock.advance(500);
    assert.equal(partial.secondsLeft('home'), 120);
    clock.advance(119_000);
    assert.equal(partial.secondsLeft('home'), 1);
  });

  it('is wiped by its timer after two minutes without anybody asking', () => {
    const piece = present('password');
    mock.timers.tick(partialUnlockMs);
    assert.deepEqual([piece.released, expired], [true, ['home']]);
  });

  it('is never handed out late when the timer is late', () => {
    const piece = present('password');
    clock.advance(partialUnlockMs);
    assert.equal(partial.take('home').size, 0);
    assert.deepEqual([piece.released, expired], [true, ['home']]);
  });

  it('does not gain time from a further factor', () => {
    present('password');
    clock.advance(60_000);
    present('tpm');
    assert.equal(partial.secondsLeft('home'), 60);
  });

  it('starts anew after it has expired', () => {
    present('password');
    clock.advance(partialUnlockMs);
    present('tpm');
    assert.deepEqual([[...partial.presented('home')], partial.secondsLeft('home')], [['tpm'], 120]);
  });

  it('reports no expiry when it was taken in time', () => {
    present('password');
    for (const piece of partial.take('home').values()) piece.release();
    mock.timers.tick(partialUnlockMs);
    assert.deepEqual(expired, []);
  });
});
