// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MutualExclusion } from '../../src/factors/mutual-exclusion.ts';

describe('mutual exclusion', () => {
  it('runs work on one key one after the other, in order', async () => {
    const exclusion = new MutualExclusion();
    const trace: string[] = [];
    const work = (name: string) => async () => {
      trace.push(`${name} begins`);
      await setImmediate();
      trace.push(`${name} ends`);
    };
    await Promise.all([exclusion.run('home', work('first')), exclusion.run('home', work('second'))]);
    assert.deepEqual(trace, ['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it('lets work on another key pass', async () => {
    const exclusion = new MutualExclusion();
    const blocked = Promise.withResolvers<void>();
    const waiting = exclusion.run('home', () => blocked.promise);
    assert.equal(await exclusion.run('work', async () => 'through'), 'through');
    blocked.resolve();
    await waiting;
  });

  it('hands a failure to its caller and goes on with the next', async () => {
    const exclusion = new MutualExclusion();
    const failing = exclusion.run('home', () => Promise.reject(new TypeError('no')));
    const next = exclusion.run('home', async () => 'done');
    await assert.rejects(failing, TypeError);
    assert.equal(await next, 'done');
  });
});
