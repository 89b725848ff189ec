// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mostDemanding } from '../../src/bus/fairness.ts';

const item = (name: string, uid: number, weight: number) => ({ name, uid, weight });
const chosen = (...items: ReturnType<typeof item>[]) => mostDemanding(items, ({ weight }) => weight)?.name;

describe('whom to turn away', () => {
  it('is nobody where nobody is', () => assert.equal(chosen(), undefined));

  it('is the oldest among equals of one user', () => {
    assert.equal(chosen(item('first', 1, 1), item('second', 1, 1)), 'first');
  });

  it('is one of the user who takes most, not the oldest of all', () => {
    assert.equal(chosen(item('quiet', 1, 1), item('flood', 2, 1), item('flood again', 2, 1)), 'flood');
  });

  it('is the item of that user that takes most', () => {
    assert.equal(chosen(item('large', 1, 5), item('small', 2, 2), item('medium', 2, 4)), 'medium');
  });
});
