// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { checkVault } from '../../src/vault/check-vault.ts';
import { Vault } from '../../src/vault/vault.ts';
import { failsWith } from '../support/failures.ts';
import { SmallDisk, smallDiskMissing } from '../support/small-disk.ts';
import { Fixture, masterKey, reveal } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = new Fixture();
});
afterEach(() => fixture.remove());

describe('creating a database', () => {
  it('makes files that only their owner can read, whatever the umask', () => {
    const before = process.umask(0);
    try {
      fixture.create().set('name', Buffer.from('value'));
    } finally {
      process.umask(before);
    }
    const modes = readdirSync(fixture.directory).map((name) => [name, statSync(join(fixture.directory, name)).mode & 0o777]);
    assert.deepEqual(modes, [
      ['device.db', 0o600],
      ['device.db-wal', 0o600],
    ]);
  });

  it('never touches one that exists', () => {
    const vault = fixture.create();
    vault.set('name', Buffer.from('value'));
    assert.throws(() => fixture.create(), failsWith('vault-exists'));
    assert.equal(reveal(vault.get('name')), 'value');
  });

  it('in a directory that is not there names the failure', () => {
    assert.throws(() => fixture.create({ directory: join(fixture.directory, 'missing') }), failsWith('storage-failed'));
  });
});

describe('opening a database', () => {
  it('that is missing makes none', () => {
    assert.throws(() => fixture.open(), failsWith('vault-file-missing'));
    assert.deepEqual(readdirSync(fixture.directory), []);
  });

  it('in a directory that is missing says that the file is missing', () => {
    assert.throws(() => fixture.open({ directory: join(fixture.directory, 'missing') }), failsWith('vault-file-missing'));
  });

  it('that is a directory says that it cannot be read', () => {
    mkdirSync(fixture.path);
    assert.throws(() => fixture.open(), failsWith('file-unreadable'));
  });

  it('that is empty is damage and no new vault', () => {
    writeFileSync(fixture.path, '');
    assert.throws(() => fixture.open(), failsWith('vault-damaged'));
    assert.equal(statSync(fixture.path).size, 0);
  });

  it('that is no database is refused', () => {
    writeFileSync(fixture.path, Buffer.alloc(8192, 'text'));
    assert.throws(() => fixture.open(), failsWith('vault-key-refused'));
  });

  it('under a wrong master key is refused and changes nothing', () => {
    fixture.create().close();
    const wrong = masterKey(Buffer.alloc(32, 1));
    assert.throws(() => fixture.open({ masterKey: wrong }), failsWith('vault-key-refused'));
    assert.deepEqual(readdirSync(fixture.directory), ['device.db']);
    fixture.open();
  });

  it('of another profile is refused', () => {
    fixture.create({ profile: 'other' }).close();
    copyFileSync(join(fixture.directory, 'other.db'), fixture.path);
    assert.throws(() => fixture.open(), failsWith('vault-key-refused'));
  });

  it('that somebody else has open waits and then says that it is busy', () => {
    fixture.create();
    assert.throws(() => fixture.open(), failsWith('vault-busy'));
  });
});

describe('a database that is taken away while the vault is idle', () => {
  it('is reported as missing, and found again when it is back', () => {
    const vault = fixture.create();
    vault.set('name', Buffer.from('value'));
    vault.closeDatabase();
    const copy = join(fixture.directory, 'copy');
    copyFileSync(fixture.path, copy);
    truncateSync(fixture.path);
    assert.throws(() => vault.get('name'), failsWith('vault-damaged'));
    copyFileSync(copy, fixture.path);
    assert.equal(reveal(vault.get('name')), 'value');
  });
});

describe('a small disk', { skip: smallDiskMissing }, () => {
  let disk: SmallDisk;
  let vault: Vault | undefined;
  beforeEach(() => {
    disk = new SmallDisk(256);
  });
  afterEach(() => {
    vault?.close();
    vault = undefined;
    disk.remove();
  });
  const options = () => fixture.options({ directory: disk.path });

  const fill = () => {
    try {
      writeFileSync(join(disk.path, 'fill'), Buffer.alloc(1 << 20));
    } catch {
      // That is what it is for: everything that was left is taken now.
    }
  };

  it('that is full takes no new vault and keeps nothing of it', () => {
    fill();
    assert.throws(() => Vault.create(options()), failsWith('storage-full'));
    assert.deepEqual(readdirSync(disk.path), ['fill']);
  });

  it('that is full refuses a write, and the entries before it can be read', async () => {
    vault = Vault.create(options());
    vault.set('name', Buffer.from('before'));
    fill();
    const full = vault;
    assert.throws(() => full.set('name', Buffer.alloc(65_536)), failsWith('storage-full'));
    assert.equal(reveal(full.get('name')), 'before');
    assert.deepEqual(await checkVault(full), { entries: 1, damaged: [] });
  });

  it('that is full lets a closed vault be opened and read', () => {
    vault = Vault.create(options());
    vault.set('name', Buffer.from('before'));
    vault.close();
    fill();
    vault = Vault.open(options());
    assert.equal(reveal(vault.get('name')), 'before');
  });

  it('that is read-only is named as such by a read and by a write', () => {
    vault = Vault.create(options());
    vault.set('name', Buffer.from('before'));
    vault.closeDatabase();
    disk.makeReadOnly();
    const idle = vault;
    assert.throws(() => idle.get('name'), failsWith('storage-read-only'));
    assert.throws(() => idle.set('name', Buffer.from('after')), failsWith('storage-read-only'));
    assert.throws(() => Vault.create(fixture.options({ directory: disk.path, profile: 'new' })), failsWith('storage-read-only'));
    assert.ok(existsSync(join(disk.path, 'device.db')));
  });
});
