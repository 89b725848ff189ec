// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { editDistance, nearest } from '../../src/config/suggestion.ts';

/** The definition of the distance, as a recursion from the ends. */
function reference(from: string, to: string): number {
  if (from === '' || to === '') return Math.max(from.length, to.length);
  const same = from.at(-1) === to.at(-1) ? 0 : 1;
  const distances = [
    reference(from.slice(0, -1), to) + 1,
    reference(from, to.slice(0, -1)) + 1,
    reference(from.slice(0, -1), to.slice(0, -1)) + same,
  ];
  if (from.length > 1 && to.length > 1 && from.at(-1) === to.at(-2) && from.at(-2) === to.at(-1)) {
    distances.push(reference(from.slice(0, -2), to.slice(0, -2)) + 1);
  }
  return Math.min(...distances);
}

describe('the edit distance', () => {
  it('is that of its definition', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
    fc.assert(fc.property(text, text, (from, to) => assert.equal(editDistance(from, to), reference(from, to))));
  });

  it('is the same in both directions', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (from, to) => assert.equal(editDistance(from, to), editDistance(to, from))));
  });
});

describe('the nearest name', () => {
  const known = ['channel_capacity', 'slow_subscriber_timeout_ms', 'socket_path'];

  it('is found when letters are missing, doubled, wrong or swapped', () => {
    for (const written of ['channel_capcity', 'chanel_capacity', 'channell_capacity', 'channel_capacety', 'chnanel_capacity']) {
      assert.equal(nearest(written, known), 'channel_capacity', written);
    }
  });

  it('does not depend on upper case or hyphens', () => {
    assert.equal(nearest('Socket-Path', known), 'socket_path');
  });

  it('is found by its beginning', () => {
    assert.equal(nearest('warning', ['error', 'warn']), 'warn');
    assert.equal(nearest('soc', known), 'socket_path');
  });

  it('is the nearer of two', () => {
    assert.equal(nearest('timeot', ['timer', 'timeout']), 'timeout');
  });

  it('is none when nothing is near', () => {
    for (const written of ['password', 'x', '', 'capacity_of_everything_there_is'])
      assert.equal(nearest(written, known), undefined, written);
  });
});
