// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { memoryUsage } from '../../src/linux/memory-usage.ts';
import { checkVault } from '../../src/vault/check-vault.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { sqlCipher } from '../support/sqlcipher.ts';
import { Fixture, keysByB3sum, masterKeyBytes, sealByHand } from './fixture.ts';

const { vaultKey, entryKey } = keysByB3sum('device', masterKeyBytes);
const few = 100;
const many = 50_000;

const nameOf = (entry: number) => `service-${String(entry).padStart(6, '0')}`;

function vaultOf(fixture: Fixture, entries: number): Vault {
  fixture.create().close();
  const value = sealByHand(entryKey, Buffer.from('value')).toString('hex');
  const statement = `WITH RECURSIVE entry(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM entry WHERE n < ${entries - 1})
    INSERT INTO secrets SELECT printf('service-%06d', n), x'${value}', 1, 1 FROM entry`;
  sqlCipher({ path: fixture.path, key: vaultKey.toString('hex'), statements: [statement] });
  return fixture.open();
}

/** The median of several runs, in ms. */
function median(action: () => void): number {
  const times = new Array(21).fill(0).map(() => {
    const start = performance.now();
    action();
    return performance.now() - start;
  });
  return times.sort((one, other) => one - other)[10] ?? 0;
}

/**
 * Five hundred times as many entries: what walks through them takes hundreds of times as long, what goes through the index only a
 * few more pages. The bound lies between the two, far from either.
 */
const bound = 50;

describe(`a vault of ${many} entries beside one of ${few}`, () => {
  const fixtures = [new Fixture(), new Fixture()];
  let small: Vault;
  let big: Vault;
  before(() => {
    const [one = new Fixture(), other = new Fixture()] = fixtures;
    small = vaultOf(one, few);
    big = vaultOf(other, many);
  });
  after(() => {
    for (const fixture of fixtures) fixture.remove();
  });

  const growth = (action: (vault: Vault, last: string) => void) => {
    const inSmall = median(() => action(small, nameOf(few - 1)));
    const inBig = median(() => action(big, nameOf(many - 1)));
    return inBig / inSmall;
  };

  for (const [what, action] of [
    ['gets an entry', (vault, last) => vault.get(last).release()],
    ['says whether it has an entry', (vault, last) => void vault.has(last)],
    ['sets an entry', (vault, last) => void vault.set(last, Buffer.from('value'))],
    ['opens and gets an entry', (vault, last) => [vault.closeDatabase(), vault.get(last).release()]],
    ['lists its last page', (vault, last) => void vault.list({ limit: 10, after: last.slice(0, -1) })],
    ['lists under a prefix', (vault, last) => void vault.list({ limit: 10, prefix: last.slice(0, -1) })],
  ] satisfies [string, (vault: Vault, last: string) => void][]) {
    it(`${what} without walking through the other entries`, () => {
      const factor = growth(action);
      assert.ok(factor < bound, `${factor.toFixed(1)} times as long`);
    });
  }

  it('is checked whole in constant memory', async () => {
    // The first time fills SQLite's cache and V8's heap.
    assert.deepEqual(await checkVault(big), { entries: many, damaged: [] });
    const before = memoryUsage('self').anonymousKb;
    await checkVault(big);
    const grown = memoryUsage('self').anonymousKb - before;
    assert.ok(grown < 5000, `${grown} kB`);
  });
});
