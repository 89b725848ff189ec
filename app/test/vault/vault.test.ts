// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { AssertionError } from '../../src/core/errors.ts';
import { checkVault } from '../../src/vault/check-vault.ts';
import type { ListedEntry, Vault } from '../../src/vault/vault.ts';
import { failsWith } from '../support/failures.ts';
import { Fixture, masterKey, memory, reveal } from './fixture.ts';

let fixture: Fixture;
let vault: Vault;
beforeEach(() => {
  fixture = new Fixture();
  vault = fixture.create();
});
afterEach(() => fixture.remove());

const put = (name: string, value = 'value') => vault.set(name, Buffer.from(value));
const names = (entries: readonly ListedEntry[]) => entries.map(({ name }) => name);
const secretName = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 24 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a name may not hold
  .filter((name) => !/[\u0000-\u001f\u007f-\u009f]/.test(name));

describe('a value', () => {
  it('comes back as it was set, whatever its bytes and its length', () => {
    for (const length of [0, 1, 28, 4096, 65_536]) {
      const value = Buffer.alloc(length, 0xc3);
      vault.set('name', value);
      const stored = vault.get('name');
      assert.deepEqual([stored.length, stored.bytes.equals(value)], [length, true]);
      stored.release();
    }
  });

  it('is still there after the vault was closed and opened', () => {
    put('name', 'kept');
    vault.close();
    assert.equal(reveal(fixture.open().get('name')), 'kept');
  });

  it('of one byte too many is refused and the old one stays', () => {
    put('name', 'old');
    assert.throws(() => vault.set('name', Buffer.alloc(65_537)), failsWith('value-too-long'));
    assert.equal(reveal(vault.get('name')), 'old');
  });

  it('is left untouched in the hands of the caller', () => {
    const value = Buffer.from('mine');
    vault.set('name', value);
    assert.equal(value.toString(), 'mine');
  });

  it('replaces the one before, and set says which it was', () => {
    assert.deepEqual([put('name', 'one'), put('name', 'two')], [{ created: true }, { created: false }]);
    assert.deepEqual([reveal(vault.get('name')), vault.count()], ['two', 1]);
  });

  it('is gone after delete, and so is its name', () => {
    put('name');
    vault.delete('name');
    assert.equal(vault.has('name'), false);
    assert.throws(() => vault.get('name'), failsWith('secret-not-found'));
    assert.throws(() => vault.delete('name'), failsWith('secret-not-found'));
  });

  it('costs no secret memory once it is released', () => {
    put('name');
    const before = memory.status().pagesInUse;
    for (let round = 0; round < 100; round += 1) vault.get('name').release();
    assert.equal(memory.status().pagesInUse, before);
  });
});

describe('a name', () => {
  it('that is empty, too long or holds a control character is refused', () => {
    for (const name of ['', 'x'.repeat(257), 'a\nb', 'a\0b', '\u0085']) {
      assert.throws(() => put(name), failsWith('secret-name-invalid'));
    }
    assert.equal(vault.count(), 0);
  });

  it('may be 256 bytes of any letters', () => {
    put('\u00e9'.repeat(128));
    assert.ok(vault.has('\u00e9'.repeat(128)));
  });

  it('is told apart by case and by composition', () => {
    for (const name of ['a', 'A', '\u00e9', 'e\u0301', 'a ']) put(name, name);
    assert.equal(vault.count(), 5);
    assert.equal(reveal(vault.get('e\u0301')), 'e\u0301');
  });

  it('with a lone surrogate does not meet the entry of another name', () => {
    put('\ufffd');
    assert.throws(() => vault.get('\ud800'), AssertionError);
  });

  it('that upstream does not see is warned of once', () => {
    put('mqtt/password');
    put('mqtt/user');
    put('plain');
    assert.deepEqual(
      fixture.logger.lines.map(({ level, fields }) => [level, fields['name']]),
      [['warn', 'mqtt/password']],
    );
  });
});

describe('the times of an entry', () => {
  const times = () => vault.list({ limit: 1 }).entries.map(({ created_at, updated_at }) => [created_at, updated_at])[0];

  it('are whole seconds of its making and of its last change', () => {
    put('name');
    fixture.clock.advance(2500);
    put('name');
    assert.deepEqual(times(), [1_700_000_000, 1_700_000_002]);
  });

  it('never say that it was changed before it was made, when the clock went back', () => {
    put('name');
    fixture.clock.setWall(1000);
    put('name');
    assert.deepEqual(times(), [1_700_000_000, 1_700_000_000]);
  });

  it('are 1970 when the clock says so or says less', () => {
    for (const wall of [0, -5000]) {
      fixture.clock.setWall(wall);
      put('name');
      assert.deepEqual(times(), [0, 0]);
      vault.delete('name');
    }
  });
});

describe('a list', () => {
  const pages = (limit: number, prefix?: string) => {
    const collected: string[][] = [];
    let after: string | undefined;
    do {
      const page = vault.list({ limit, ...(prefix !== undefined && { prefix }), ...(after !== undefined && { after }) });
      collected.push(names(page.entries));
      after = page.next;
    } while (after !== undefined);
    return collected;
  };

  it('of an empty vault is empty', () => {
    assert.deepEqual(vault.list({ limit: 5 }), { entries: [] });
  });

  it('has no next page when the last entry is on this one', () => {
    for (const name of ['a', 'b', 'c', 'd']) put(name);
    assert.deepEqual(pages(2), [
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('takes a prefix literally', () => {
    for (const name of ['a%b', 'a_b', 'axb', 'A%b', '%', 'a']) put(name);
    assert.deepEqual([pages(10, 'a%'), pages(10, 'a_'), pages(10, '%')], [[['a%b']], [['a_b']], [['%']]]);
  });

  it('goes on after a name that was deleted meanwhile', () => {
    for (const name of ['a', 'b', 'c']) put(name);
    const { next } = vault.list({ limit: 2 });
    vault.delete('b');
    assert.deepEqual(names(vault.list({ limit: 2, after: next ?? '' }).entries), ['c']);
  });

  it('shows every name with the prefix once, in the order of bytes, for any names and any page', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(secretName, { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(3),
        (all, limit, taken) => {
          for (const name of names(vault.list({ limit: 100 }).entries)) vault.delete(name);
          for (const name of all) put(name);
          const prefix = [...(all[0] ?? '')].slice(0, taken).join('');
          const expected = all
            .filter((name) => name.startsWith(prefix))
            .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
          assert.deepEqual(pages(limit, prefix).flat(), expected);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the keys of a vault', () => {
  it('leave the master key with the caller', () => {
    vault.close();
    const key = masterKey();
    fixture.open({ masterKey: key }).close();
    assert.ok(key.bytes.equals(Buffer.alloc(32, 0x5a)));
    key.release();
  });

  it('differ between BLAKE3 and HKDF-SHA256', () => {
    vault.close();
    assert.throws(() => fixture.open({ hkdf: 'hkdf-sha256' }), failsWith('vault-key-refused'));
  });

  it('are given back after close and after every failure', () => {
    vault.close();
    const key = masterKey();
    const before = memory.status().pagesInUse;
    fixture.open({ masterKey: key }).close();
    assert.throws(() => fixture.open({ masterKey: key, profile: 'nobody' }), failsWith('vault-file-missing'));
    assert.throws(() => fixture.create({ masterKey: key }), failsWith('vault-exists'));
    assert.equal(memory.status().pagesInUse, before);
    key.release();
  });
});

describe('a vault that is not used', () => {
  it('closes its database after the idle time, and opens it at the next use', async () => {
    vault.close();
    const idle = fixture.open({ idleCloseMs: 20 });
    idle.set('name', Buffer.from('value'));
    assert.equal(idle.isOpen, true);
    await wait(200);
    assert.equal(idle.isOpen, false);
    assert.equal(reveal(idle.get('name')), 'value');
    assert.equal(idle.isOpen, true);
  });

  it('leaves one file and no log behind when its database is closed', () => {
    put('name');
    vault.closeDatabase();
    assert.deepEqual(readdirSync(fixture.directory), ['device.db']);
  });

  it('stays open while it is used', async () => {
    vault.close();
    const used = fixture.open({ idleCloseMs: 150 });
    for (let round = 0; round < 6; round += 1) {
      await wait(50);
      assert.equal(used.isOpen, true);
      used.has('name');
    }
  });

  it('answers as locked after close, and close may be called again', () => {
    vault.close();
    vault.close();
    assert.throws(() => vault.get('name'), failsWith('vault-locked'));
    assert.throws(() => put('name'), failsWith('vault-locked'));
    assert.equal(vault.isOpen, false);
  });
});

describe('a check', () => {
  it('counts the entries of a sound vault', async () => {
    for (let entry = 0; entry < 50; entry += 1) put(`name-${entry}`);
    assert.deepEqual(await checkVault(vault), { entries: 50, damaged: [] });
  });
});
