// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { checkVault } from '../../src/vault/check-vault.ts';
import { failsWith } from '../support/failures.ts';
import { sqlCipher } from '../support/sqlcipher.ts';
import { Fixture, keysByB3sum, masterKeyBytes, openByHand, reveal, sealByHand, setAndCrash } from './fixture.ts';

/** Upstream's statement, word for word as the format description has it. */
const schema = `CREATE TABLE IF NOT EXISTS secrets (
  key TEXT PRIMARY KEY, value BLOB NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);`;

const { vaultKey, entryKey } = keysByB3sum('device', masterKeyBytes);
const key = vaultKey.toString('hex');

const insert = (name: string, value: string, times = '1600000000, 1600000001') =>
  `INSERT INTO secrets VALUES ('${name}', x'${sealByHand(entryKey, Buffer.from(value)).toString('hex')}', ${times})`;

let fixture: Fixture;
beforeEach(() => {
  fixture = new Fixture();
});
afterEach(() => fixture.remove());

describe('a vault that we wrote', () => {
  const everything = 'SELECT key, value, created_at, updated_at FROM secrets ORDER BY key';

  it('opens in the original SQLCipher, and its values with keys that others derived', () => {
    const vault = fixture.create();
    vault.set('mqtt/password', Buffer.from('hunter2'));
    vault.set('empty', Buffer.alloc(0));
    vault.close();
    const rows = sqlCipher({ path: fixture.path, key, statements: [everything] })[0] ?? [];
    const opened = rows.map(([name, value, ...times]) => [
      name,
      openByHand(entryKey, Buffer.from(String(value), 'hex')).toString(),
      ...times,
    ]);
    assert.deepEqual(opened, [
      ['empty', '', 1_700_000_000, 1_700_000_000],
      ['mqtt/password', 'hunter2', 1_700_000_000, 1_700_000_000],
    ]);
  });

  it('passes the integrity checks of the original SQLCipher', () => {
    const vault = fixture.create();
    for (let entry = 0; entry < 200; entry += 1) vault.set(`name-${entry}`, Buffer.alloc(500, entry));
    vault.close();
    const statements = ['PRAGMA cipher_integrity_check', 'PRAGMA integrity_check'];
    assert.deepEqual(sqlCipher({ path: fixture.path, key, statements }), [[], [['ok']]]);
  });

  it('has the schema of upstream', () => {
    fixture.create().close();
    const statements = ["SELECT sql FROM sqlite_schema WHERE name = 'secrets'"];
    const [[[sql] = []] = []] = sqlCipher({ path: fixture.path, key, statements });
    const bare = (text: unknown) => String(text).replace('IF NOT EXISTS ', '').replace(/\s+/g, ' ').replace(/;$/, '');
    assert.equal(bare(sql), bare(schema));
  });

  it('opens in the original SQLCipher with what only its write-ahead log holds', () => {
    fixture.create().close();
    setAndCrash(fixture.directory, [['late', 'committed']]);
    const [[[value] = []] = []] = sqlCipher({
      path: fixture.path,
      key,
      statements: ["SELECT value FROM secrets WHERE key = 'late'"],
    });
    assert.equal(openByHand(entryKey, Buffer.from(String(value), 'hex')).toString(), 'committed');
  });

  it('is refused by the original SQLCipher under another key', () => {
    fixture.create().close();
    const wrong = { path: fixture.path, key: '00'.repeat(32), statements: [everything] };
    assert.throws(() => sqlCipher(wrong), /not a database/);
  });
});

describe('a vault that the original SQLCipher wrote', () => {
  it('opens here, with its values and times', async () => {
    sqlCipher({ path: fixture.path, key, statements: [schema, insert('api-token', 'abc'), insert('zeroes', '\0\0')] });
    const vault = fixture.open();
    assert.equal(reveal(vault.get('api-token')), 'abc');
    assert.equal(reveal(vault.get('zeroes')), '\0\0');
    assert.deepEqual(vault.list({ limit: 1 }), {
      entries: [{ name: 'api-token', created_at: 1_600_000_000, updated_at: 1_600_000_001 }],
      next: 'api-token',
    });
    assert.deepEqual(await checkVault(vault), { entries: 2, damaged: [] });
  });

  it('opens here with what only its write-ahead log holds', () => {
    sqlCipher({ path: fixture.path, key, statements: [schema] });
    sqlCipher({ path: fixture.path, key, statements: [insert('late', 'committed')], crash: true });
    assert.ok(existsSync(`${fixture.path}-wal`));
    assert.equal(reveal(fixture.open().get('late')), 'committed');
  });

  it('takes our writes and is read by its writer again', () => {
    sqlCipher({ path: fixture.path, key, statements: [schema, insert('shared', 'theirs')] });
    const vault = fixture.open();
    assert.deepEqual(vault.set('shared', Buffer.from('ours')), { created: false });
    vault.close();
    const [[[value, created, updated] = []] = []] = sqlCipher({
      path: fixture.path,
      key,
      statements: ["SELECT value, created_at, updated_at FROM secrets WHERE key = 'shared'"],
    });
    assert.equal(openByHand(entryKey, Buffer.from(String(value), 'hex')).toString(), 'ours');
    assert.deepEqual([created, updated], [1_600_000_000, 1_700_000_000]);
  });

  it('keeps further tables that somebody else made', () => {
    sqlCipher({ path: fixture.path, key, statements: [schema, 'CREATE TABLE theirs (a)', 'INSERT INTO theirs VALUES (7)'] });
    const vault = fixture.open();
    vault.set('name', Buffer.from('value'));
    vault.close();
    assert.deepEqual(sqlCipher({ path: fixture.path, key, statements: ['SELECT a FROM theirs'] }), [[[7]]]);
  });

  it('is refused when it belongs to another profile', () => {
    sqlCipher({ path: fixture.path, key: keysByB3sum('other', masterKeyBytes).vaultKey.toString('hex'), statements: [schema] });
    assert.throws(() => fixture.open(), failsWith('vault-key-refused'));
  });
});

describe('a database of somebody else\u2019s making', () => {
  const sealed = sealByHand(entryKey, Buffer.from('good')).toString('hex');
  const open = (...statements: string[]) => {
    sqlCipher({ path: fixture.path, key, statements });
    return fixture.open();
  };

  it('may hold any type in any column without hiding the good entries', async () => {
    const vault = open(
      schema,
      `INSERT INTO secrets VALUES ('good', x'${sealed}', 1, 2)`,
      "INSERT INTO secrets VALUES ('text', 'a text', 1, 2)",
      "INSERT INTO secrets VALUES ('number', 12.5, 1, 2)",
      "INSERT INTO secrets VALUES ('short', x'00112233', 1, 2)",
      `INSERT INTO secrets VALUES ('odd times', x'${sealed}', 'yesterday', x'00')`,
      `INSERT INTO secrets VALUES ('huge times', x'${sealed}', 9223372036854775807, 1e300)`,
      `INSERT INTO secrets VALUES ('negative times', x'${sealed}', -5, -6)`,
      `INSERT INTO secrets VALUES (NULL, x'${sealed}', 1, 2)`,
      `INSERT INTO secrets VALUES (x'ff00', x'${sealed}', 1, 2)`,
      "INSERT INTO secrets VALUES ('huge', zeroblob(1000000), 1, 2)",
    );
    for (const name of ['good', 'odd times', 'huge times', 'negative times']) assert.equal(reveal(vault.get(name)), 'good');
    for (const name of ['text', 'number', 'short', 'huge']) assert.throws(() => vault.get(name), failsWith('entry-damaged'));
    const names = vault.list({ limit: 20 }).entries.map(({ name }) => name);
    assert.deepEqual(names, ['good', 'huge', 'huge times', 'negative times', 'number', 'odd times', 'short', 'text']);
    const { entries, damaged } = await checkVault(vault);
    assert.equal(entries, 10);
    assert.deepEqual(damaged, ['text', 'number', 'short', 'row 8', 'row 9', 'huge']);
  });

  it('may hold names that break our rules: they are listed, read and deleted', () => {
    const names = ['../../etc/passwd', 'bell\u0007', '%_%', 'x'.repeat(300), 'snow\u2603man'];
    const vault = open(schema, ...names.map((name) => `INSERT INTO secrets VALUES ('${name}', x'${sealed}', 1, 2)`));
    assert.deepEqual(new Set(vault.list({ limit: 10 }).entries.map(({ name }) => name)), new Set(names));
    for (const name of names) {
      assert.equal(reveal(vault.get(name)), 'good');
      vault.delete(name);
    }
    assert.equal(vault.count(), 0);
  });

  it('may hold names that are no UTF-8: they do not stop a list', async () => {
    const bytes = ['80', 'ff', 'ff41', '61ff', 'c0af'];
    const vault = open(
      schema,
      ...bytes.map((name) => `INSERT INTO secrets VALUES (CAST(x'${name}' AS TEXT), x'${sealed}', 1, 2)`),
      `INSERT INTO secrets VALUES ('a', x'${sealed}', 1, 2)`,
      `INSERT INTO secrets VALUES ('b', x'${sealed}', 1, 2)`,
    );
    const first = vault.list({ limit: 1 });
    assert.deepEqual([first.entries.map(({ name }) => name), first.next], [['a'], 'a']);
    const second = vault.list({ limit: 1, after: 'a' });
    assert.deepEqual([second.entries.map(({ name }) => name), second.next], [['b'], undefined]);
    assert.equal((await checkVault(vault)).damaged.length, bytes.length);
  });

  it('is named as damaged when it has no table of secrets', () => {
    assert.throws(() => open('CREATE TABLE other (a)'), failsWith('vault-damaged'));
  });

  it('is named as damaged when the table lacks a column', () => {
    assert.throws(() => open('CREATE TABLE secrets (key TEXT PRIMARY KEY, value BLOB)'), failsWith('vault-damaged'));
  });

  it('may refuse our writes by a constraint of its own', () => {
    const vault = open(schema.replace('value BLOB NOT NULL', 'value BLOB NOT NULL CHECK (length(value) < 40)'));
    assert.throws(() => vault.set('name', Buffer.alloc(100)), failsWith('vault-damaged'));
    assert.equal(vault.count(), 0);
  });
});
