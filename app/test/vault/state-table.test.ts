// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Vault } from '../../src/vault/vault.ts';
import { sqlCipher } from '../support/sqlcipher.ts';
import { Fixture, keysByB3sum, masterKeyBytes } from './fixture.ts';

let fixture: Fixture;
let vault: Vault;
beforeEach(() => {
  fixture = new Fixture();
  vault = fixture.create();
});
afterEach(() => fixture.remove());

describe('what a vault knows of itself', () => {
  it('is nothing at first', () => {
    assert.equal(vault.state().size, 0);
  });

  it('is kept across opening, and the last word counts', () => {
    vault.setState('mark', Buffer.from('first'));
    vault.setState('mark', Buffer.from('second'));
    vault.closeDatabase();
    assert.deepEqual([...vault.state()], [['mark', Buffer.from('second')]]);
  });

  it('is no secret of the vault and does not count as one', () => {
    vault.setState('mark', Buffer.from('value'));
    assert.equal(vault.count(), 0);
    assert.deepEqual(vault.list({ limit: 10 }).entries, []);
  });

  it('leaves a foreign row of any kind aside', () => {
    vault.setState('mark', Buffer.from('value'));
    vault.closeDatabase();
    const { vaultKey } = keysByB3sum('device', masterKeyBytes);
    sqlCipher({
      path: fixture.path,
      key: vaultKey.toString('hex'),
      statements: [
        "INSERT INTO open_sesame_state VALUES ('number', 7)",
        "INSERT INTO open_sesame_state VALUES (x'00', x'00')",
        "INSERT INTO open_sesame_state VALUES ('long', zeroblob(100000))",
      ],
    });
    assert.deepEqual([...vault.state().keys()], ['mark']);
  });
});
