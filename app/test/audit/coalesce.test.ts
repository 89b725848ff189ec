// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Coalescer } from '../../src/audit/coalesce.ts';
import { ManualClock, systemClock } from '../../src/core/clock.ts';

interface Denial {
  readonly client: string;
  readonly what: string;
}

function coalescer(clock = new ManualClock()) {
  const written: string[] = [];
  const denials = new Coalescer<Denial>({
    clock,
    clientOf: ({ client }) => client,
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
    const denials = new Coalescer<string>({
      clock: systemClock,
      clientOf: (client) => client,
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
});

describe('reads', () => {
  function reads(clock = new ManualClock()) {
    const written: string[] = [];
    const coalesced = new Coalescer<Denial>({
      clock,
      clientOf: ({ client }) => client,
      subjectOf: ({ what }) => what,
      write: ({ client, what }, repeated) => written.push(`${client} ${what} ${repeated}`),
      blur: (event) => ({ ...event, what: 'several' }),
    });
    const total = () => written.reduce((sum, line) => sum + Number(line.split(' ')[2]), 0);
    return { coalesced, written, clock, total };
  }

  it('are told apart by what was read', () => {
    const { coalesced, written } = reads();
    for (const what of ['x', 'y', 'x', 'y', 'y']) coalesced.add({ client: 'a', what });
    assert.deepEqual(written, ['a x 1', 'a y 1']);
    coalesced.close();
    assert.deepEqual(written.slice(2), ['a x 1', 'a y 2']);
  });

  it('that stand for many count as many', () => {
    const { coalesced, written } = reads();
    coalesced.add({ client: 'a', what: 'x' }, 7);
    coalesced.add({ client: 'a', what: 'x' }, 3);
    coalesced.close();
    assert.deepEqual(written, ['a x 7', 'a x 3']);
  });

  it('of a client that reads everything for a day are some thousand entries, which account for all', () => {
    const { coalesced, written, clock, total } = reads();
    const hours = 24;
    for (let second = 0; second < hours * 3600; second += 1) {
      for (let count = 0; count < 5; count += 1) coalesced.add({ client: 'a', what: `name/${(5 * second + count) % 50}` });
      clock.advance(1000);
    }
    assert.ok(written.length <= 256 + hours * 360 + 1, `${written.length} entries`);
    coalesced.close();
    assert.equal(total(), hours * 3600 * 5);
  });

  it('have their turn one after the other when the client has used up its entries', () => {
    const { coalesced, written, clock } = reads();
    for (let second = 0; second < 3600; second += 1) {
      for (const what of ['x', 'y', 'z']) coalesced.add({ client: 'a', what });
      clock.advance(1000);
    }
    const last = written.slice(-6).map((line) => line.split(' ')[1]);
    assert.deepEqual(last.slice(0, 3).sort(), ['x', 'y', 'z']);
    assert.deepEqual(last.slice(0, 3), last.slice(3));
    coalesced.close();
  });

  it('leave another client its entries, whatever one client does', () => {
    const { coalesced, written } = reads();
    for (let index = 0; index < 1000; index += 1) coalesced.add({ client: 'greedy', what: `name/${index}` });
    coalesced.add({ client: 'modest', what: 'x' });
    assert.equal(written.at(-1), 'modest x 1');
    coalesced.close();
  });

  it('of more names than are told apart share an entry that names none of them', () => {
    const { coalesced, written, total } = reads();
    for (let index = 0; index < 1000; index += 1) coalesced.add({ client: 'a', what: `name/${index}` });
    coalesced.close();
    assert.ok(written.length < 70, `${written.length} entries`);
    assert.ok(written.includes(`a several ${1000 - 65}`), written.at(-1));
    assert.equal(total(), 1000);
  });
});

describe('events that are entries of their own', () => {
  const each = () => {
    const clock = new ManualClock();
    const written: string[] = [];
    const events = new Coalescer<Denial>({
      clock,
      clientOf: ({ client }) => client,
      subjectOf: ({ what }) => what,
      eachWhileAllowed: true,
      write: ({ client, what }, repeated) => written.push(`${client} ${what} ${repeated}`),
    });
    return { events, written, clock };
  };

  it('are written one by one while the allowance lasts, whatever their number of names', () => {
    const { events, written } = each();
    const expected = Array.from({ length: 256 }, (_, index) => `a name/${index % 100} 1`);
    for (let index = 0; index < 256; index += 1) events.add({ client: 'a', what: `name/${index % 100}` });
    assert.deepEqual(written, expected);
    events.close();
  });

  it('are counted by name when it is used up, and written as it comes back', () => {
    const { events, written, clock } = each();
    for (let index = 0; index < 266; index += 1) events.add({ client: 'a', what: 'x' });
    assert.equal(written.length, 256);
    clock.advance(10_000);
    events.add({ client: 'b', what: 'y' });
    assert.deepEqual(written.slice(256), ['a x 10', 'b y 1']);
    events.close();
  });
});
