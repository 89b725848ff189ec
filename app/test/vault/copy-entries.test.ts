// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { checkVault } from '../../src/vault/check-vault.ts';
import { copyEntries } from '../../src/vault/copy-entries.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { failsWith } from '../support/failures.ts';
import { sqlCipher } from '../support/sqlcipher.ts';
import { Fixture, keysByB3sum, masterKey, masterKeyBytes, openByHand, reveal, sealByHand } from './fixture.ts';

const newKeyBytes = Buffer.alloc(32, 7);

let fixture: Fixture;
let next: string;
beforeEach(() => {
  fixture = new Fixture();
  next = join(fixture.directory, 'next');
  mkdirSync(next);
});
afterEach(() => fixture.remove());

const createNext = (): Vault => {
  const key = masterKey(newKeyBytes);
  const vault = fixture.create({ directory: next, masterKey: key });
  key.release();
  return vault;
};

describe('copying the entries of a vault', () => {
  it('carries every value, of any length, under the new key', async () => {
    const from = fixture.create();
    for (let entry = 0; entry < 300; entry += 1) from.set(`name-${entry}`, Buffer.alloc(entry * 40, entry));
    const to = createNext();
    assert.equal(await copyEntries(from, to), 300);
    for (let entry = 0; entry < 300; entry += 1) {
      const value = to.get(`name-${entry}`);
      assert.ok(value.bytes.equals(Buffer.alloc(entry * 40, entry)));
      value.release();
    }
    assert.deepEqual(await checkVault(to), { entries: 300, damaged: [] });
  });

  it('carries what the vault knows of itself', async () => {
    const from = fixture.create();
    from.setState('mark', Buffer.from('value'));
    const to = createNext();
    await copyEntries(from, to);
    assert.deepEqual([...to.state()], [['mark', Buffer.from('value')]]);
  });

  it('of an empty vault copies nothing', async () => {
    assert.equal(await copyEntries(fixture.create(), createNext()), 0);
  });

  it('keeps names and times byte for byte, however foreign they are', async () => {
    const ours = keysByB3sum('device', masterKeyBytes);
    const theirs = keysByB3sum('device', newKeyBytes);
    const sealed = sealByHand(ours.entryKey, Buffer.from('value')).toString('hex');
    const rows = 'SELECT hex(CAST(key AS BLOB)), created_at, updated_at FROM secrets ORDER BY key';
    const expected = sqlCipher({
      path: fixture.path,
      key: ours.vaultKey.toString('hex'),
      statements: [
        'CREATE TABLE secrets (key TEXT PRIMARY KEY, value BLOB NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)',
        `INSERT INTO secrets (rowid, key, value, created_at, updated_at) VALUES (-9223372036854775807, CAST(x'ff80' AS TEXT), x'${sealed}', 9223372036854775807, -1)`,
        `INSERT INTO secrets (rowid, key, value, created_at, updated_at) VALUES (9223372036854775807, '', x'${sealed}', 0, 1)`,
        `INSERT INTO secrets (rowid, key, value, created_at, updated_at) VALUES (0, 'a' || char(0) || 'b', x'${sealed}', 5, 4)`,
        rows,
      ],
    }).at(-1);
    const to = createNext();
    assert.equal(await copyEntries(fixture.open(), to), 3);
    to.close();
    const key = theirs.vaultKey.toString('hex');
    const path = join(next, 'device.db');
    const [copied, values] = sqlCipher({ path, key, statements: [rows, 'SELECT value FROM secrets'] });
    assert.deepEqual(copied, expected);
    for (const [value] of values ?? []) {
      assert.equal(openByHand(theirs.entryKey, Buffer.from(String(value), 'hex')).toString(), 'value');
    }
  });

  it('lets others run between batches, and read the old vault', async () => {
    const from = fixture.create();
    for (let entry = 0; entry < 400; entry += 1) from.set(`name-${entry}`, Buffer.from('value'));
    const to = createNext();
    const progress: number[] = [];
    let turns = 0;
    const others = setInterval(() => {
      assert.equal(reveal(from.get('name-7')), 'value');
      turns += 1;
    }, 0);
    try {
      await copyEntries(from, to, (copied) => {
        progress.push(copied);
        // Longer than the interval, so that it is due whenever the copy lets go.
        for (const until = performance.now() + 3; performance.now() < until; );
      });
    } finally {
      clearInterval(others);
    }
    assert.deepEqual(progress, [128, 256, 384, 400]);
    assert.ok(turns >= 3, `${turns} turns`);
  });

  it('stops at an entry that cannot be decrypted, and names it', async () => {
    fixture.create().close();
    const key = keysByB3sum('device', masterKeyBytes).vaultKey.toString('hex');
    sqlCipher({ path: fixture.path, key, statements: [`INSERT INTO secrets VALUES ('broken', x'${'00'.repeat(40)}', 1, 1)`] });
    const from = fixture.open();
    await assert.rejects(copyEntries(from, createNext()), (thrown) => {
      assert.match(String(thrown), /broken/);
      return failsWith('entry-damaged')(thrown);
    });
  });

  it('stops at a row without a name instead of losing it', async () => {
    fixture.create().close();
    const { vaultKey, entryKey } = keysByB3sum('device', masterKeyBytes);
    const sealed = sealByHand(entryKey, Buffer.from('value')).toString('hex');
    const statements = [`INSERT INTO secrets VALUES (NULL, x'${sealed}', 1, 1)`];
    sqlCipher({ path: fixture.path, key: vaultKey.toString('hex'), statements });
    await assert.rejects(copyEntries(fixture.open(), createNext()), failsWith('entry-damaged'));
  });

  it('ends as locked when the old vault is locked meanwhile', async () => {
    const from = fixture.create();
    for (let entry = 0; entry < 200; entry += 1) from.set(`name-${entry}`, Buffer.from('value'));
    await assert.rejects(
      copyEntries(from, createNext(), () => from.close()),
      failsWith('vault-locked'),
    );
  });

  it('notices a write that it was promised would not come', async () => {
    const from = fixture.create();
    for (let entry = 0; entry < 200; entry += 1) from.set(`name-${entry}`, Buffer.from('value'));
    await assert.rejects(
      copyEntries(from, createNext(), () => from.delete('name-0')),
      failsWith('secret-not-found'),
    );
  });
});
