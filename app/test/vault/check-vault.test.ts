// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { checkVault } from '../../src/vault/check-vault.ts';
import { failsWith } from '../support/failures.ts';
import { sqlCipher } from '../support/sqlcipher.ts';
import { Fixture, keysByB3sum, masterKeyBytes, reveal } from './fixture.ts';

const key = keysByB3sum('device', masterKeyBytes).vaultKey.toString('hex');

let fixture: Fixture;
beforeEach(() => {
  fixture = new Fixture();
});
afterEach(() => fixture.remove());

describe('checking a vault', () => {
  it('counts the entries of a sound one', async () => {
    const vault = fixture.create();
    for (let entry = 0; entry < 300; entry += 1) vault.set(`name-${entry}`, Buffer.from('value'));
    assert.deepEqual(await checkVault(vault), { entries: 300, damaged: [] });
  });

  it('names what cannot be decrypted, and the others stay readable', async () => {
    const created = fixture.create();
    created.set('good', Buffer.from('value'));
    created.close();
    const statements = [`INSERT INTO secrets VALUES ('broken', x'${'00'.repeat(40)}', 1, 1)`];
    sqlCipher({ path: fixture.path, key, statements });
    const vault = fixture.open();
    assert.deepEqual(await checkVault(vault), { entries: 2, damaged: ['broken'] });
    assert.equal(reveal(vault.get('good')), 'value');
  });

  it('finds an index that does not agree with its table', async () => {
    fixture.create().close();
    sqlCipher({
      path: fixture.path,
      key,
      statements: [
        "INSERT INTO secrets VALUES ('name', x'00', 1, 1)",
        'PRAGMA writable_schema = ON',
        // The index goes on under another root page: that of an empty table.
        'CREATE TABLE empty (key TEXT PRIMARY KEY)',
        `UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_empty_1')
           WHERE name = 'sqlite_autoindex_secrets_1'`,
      ],
    });
    await assert.rejects(async () => await checkVault(fixture.open()), failsWith('vault-damaged'));
  });

  it('lets others run, and ends as locked when one of them locks the vault', async () => {
    const vault = fixture.create();
    for (let entry = 0; entry < 300; entry += 1) vault.set(`name-${entry}`, Buffer.from('value'));
    const checked = checkVault(vault);
    setImmediate(() => vault.close());
    await assert.rejects(checked, failsWith('vault-locked'));
  });
});
