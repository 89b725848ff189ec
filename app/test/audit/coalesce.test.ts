// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { DenialCoalescer } from '../../src/audit/coalesce.ts';
import { ManualClock, systemClock } from '../../src/core/clock.ts';

interface Denial {
  readonly client: string;
  readonly what: string;
}

function coalescer(clock = new ManualClock()) {
  const written: string[] = [];
  const denials = new DenialCoalescer<Denial>({
    clock,
    identify: ({ client }) => client,
    write: ({ client, what }, repeated) => written.push(`${client} ${what} ${repeated}`),
  });
  return { denials, written, clock };
}

describe('denials', () => {
  it('are written at once when they are the first of a client', () => {
    const { denials, written } = coalescer();
    denials.add({ client: 'a', what: 'x' });
    denials.add({ client: 'b', what: 'y' });
    assert.deepEqual(written, ['a x 1', 'b y 1']);
    denials.close();
  });

  it('are counted for a second and then written as one', () => {
    const { denials, written, clock } = coalescer();
    for (const what of ['1', '2', '3', '4']) denials.add({ client: 'a', what });
    assert.deepEqual(written, ['a 1 1']);
    clock.advance(1000);
    denials.add({ client: 'b', what: 'y' });
    assert.deepEqual(written, ['a 1 1', 'a 4 3', 'b y 1']);
    denials.close();
  });

  it('of a client that never stops are at most one entry a second', () => {
    const { denials, written, clock } = coalescer();
    for (let index = 0; index < 10_000; index += 1) {
      denials.add({ client: 'a', what: 'x' });
      clock.advance(1);
    }
    assert.ok(written.length <= 11, `${written.length} entries in 10 s`);
    denials.close();
    const total = written.reduce((sum, line) => sum + Number(line.split(' ')[2]), 0);
    assert.equal(total, 10_000);
  });

  it('of a client that invents names are not many more', () => {
    const { denials, written } = coalescer();
    for (let index = 0; index < 10_000; index += 1) denials.add({ client: `client ${index}`, what: 'x' });
    assert.ok(written.length <= 257, `${written.length} entries`);
    denials.close();
  });

  it('begin anew after a second without any', () => {
    const { denials, written, clock } = coalescer();
    denials.add({ client: 'a', what: '1' });
    clock.advance(1000);
    denials.add({ client: 'a', what: '2' });
    assert.deepEqual(written, ['a 1 1', 'a 2 1']);
    denials.close();
  });

  it('are written without another one to push them', async () => {
    const written: number[] = [];
    const denials = new DenialCoalescer<string>({
      clock: systemClock,
      identify: (client) => client,
      write: (_, repeated) => written.push(repeated),
      windowMs: 20,
    });
    for (let index = 0; index < 5; index += 1) denials.add('a');
    await wait(100);
    assert.deepEqual(written, [1, 4]);
    denials.close();
  });

  it('that are still being counted are written on close', () => {
    const { denials, written } = coalescer();
    denials.add({ client: 'a', what: '1' });
    denials.add({ client: 'a', what: '2' });
    denials.close();
    assert.deepEqual(written, ['a 1 1', 'a 2 1']);
  });

  it('may be summed up by whoever writes them', () => {
    const written: string[] = [];
    const denials = new DenialCoalescer<Denial>({
      clock: new ManualClock(),
      identify: ({ client }) => client,
      write: ({ what }, repeated) => written.push(`${what} ${repeated}`),
      combine: (earlier, later) => (earlier.what === later.what ? later : { ...later, what: 'several' }),
    });
    for (const what of ['1', '2', '3']) denials.add({ client: 'a', what });
    denials.close();
    assert.deepEqual(written, ['1 1', 'several 2']);
  });
});
