// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHmac, pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { BusClient } from '../../src/bus/client.ts';
import { argon2id, b3sumDeriveKey, oracle } from '../crypto/oracle.ts';
import { connectClient, readSecret } from '../support/client.ts';
import { Device, password, startDevice } from '../support/device.ts';
import { sqlCipher } from '../support/sqlcipher.ts';

// Nothing of ours works out a key here: Argon2id is the argon2 command, BLAKE3 the b3sum command, the database a real SQLCipher,
// and what the format does with them stands here once more, literally.

const everything = 'SELECT key, value, created_at, updated_at FROM secrets ORDER BY key';
const schema = `CREATE TABLE IF NOT EXISTS secrets (
  key TEXT PRIMARY KEY, value BLOB NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);`;

interface Keys {
  readonly vaultKey: Buffer;
  readonly entryKey: Buffer;
}

function keysOf(profile: string, masterKey: Buffer): Keys {
  const vaultKey = b3sumDeriveKey(`pds v2 vault-key ${profile}`, masterKey);
  return { vaultKey, entryKey: b3sumDeriveKey('pds v2 entry-encryption-key', vaultKey) };
}

function seal(key: Buffer, plaintext: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

/** The argon2 command with a salt of any bytes but NUL, which only Python hands over as they are. */
function argon2idOfBytes(text: string, salt: Buffer): Buffer {
  const script = `
import subprocess, sys
salt = bytes.fromhex(sys.argv[1])
arguments = b'-id -v 13 -k 19456 -t 2 -p 1 -l 32 -r'.split()
print(subprocess.run([b'argon2', salt, *arguments], input=sys.stdin.buffer.read(), capture_output=True, check=True).stdout.decode())
`;
  const output = oracle('python3', 'python3', ['-c', script, salt.toString('hex')], Buffer.from(text));
  return Buffer.from(output.toString().trim(), 'hex');
}

/** RFC 5869 without a salt, one block. */
function hkdfSha256(material: Buffer, context: string): Buffer {
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(material).digest();
  return createHmac('sha256', extracted).update(context).update(Buffer.of(1)).digest();
}

const fileOf = (device: Device, profile: string, suffix: string) =>
  readFileSync(join(device.stateDirectory, 'vaults', `${profile}.${suffix}`));

/** All entries of a vault as the original SQLCipher and AES-GCM show them. */
function readByHand(device: Device, profile: string, { vaultKey, entryKey }: Keys) {
  const path = join(device.stateDirectory, 'vaults', `${profile}.db`);
  const [rows = []] = sqlCipher({ path, key: vaultKey.toString('hex'), statements: [everything] });
  return rows.map(([name, value, created, updated]) => ({
    name,
    value: unseal(entryKey, Buffer.from(String(value), 'hex')),
    created,
    updated,
  }));
}

/** The bytes that a recovery key stands for: the first 256 bits of its Crockford base32, the checksum left out. */
function recoveryBytes(text: string): Buffer {
  const symbols = [...text.replaceAll('-', '').slice(0, 52)].map((symbol) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(symbol));
  const bits = symbols.map((symbol) => symbol.toString(2).padStart(5, '0')).join('');
  return Buffer.from(Array.from({ length: 32 }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2)));
}

const values: Readonly<Record<string, Buffer>> = {
  'api-token': Buffer.from('a text'),
  'bytes/all': Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  empty: Buffer.alloc(0),
  longest: randomBytes(65_536),
  'schl\u00fcssel \u2603': Buffer.from('a name beyond ASCII'),
};

/** One connection for many requests: a process for each takes its time. */
async function withClient(device: Device, work: (client: BusClient) => Promise<void>): Promise<void> {
  const client = await connectClient(device);
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

async function initialise(device: Device, profile: string, ...options: string[]): Promise<string> {
  const words = ['init', '-p', profile, '--factor', 'password', '--password-stdin', ...options];
  const output = (await device.must(words, `${password}\n`)).toString().trim();
  await device.unlock(profile);
  await withClient(device, async (client) => {
    for (const [name, value] of Object.entries(values)) await client.request('secret-set', { profile, name }, value);
    await client.request('vault-lock', { profile });
  });
  return output;
}

describe('a vault that sesame made', () => {
  const startedAt = Math.floor(Date.now() / 1000);
  let device: Device;
  let profile = '';
  let salt = Buffer.alloc(0);
  let recoveryKey = '';
  let masterKey: Buffer = Buffer.alloc(0);

  before(async () => {
    device = await startDevice();
    // The argon2 command takes the salt as an argument, which cannot hold a NUL byte: one vault in seventeen is made again.
    for (let attempt = 0; profile === '' || salt.includes(0); attempt += 1) {
      profile = `made-${attempt}`;
      recoveryKey = await initialise(device, profile, '--recovery-key');
      salt = fileOf(device, profile, 'salt');
    }
    masterKey = unseal(argon2idOfBytes(password, salt), fileOf(device, profile, 'password-wrap').subarray(1));
  });

  after(() => device.dispose());

  function requireValues(rows: ReturnType<typeof readByHand>): void {
    const expected = Object.entries(values).sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    assert.deepEqual(
      rows.map(({ name, value }) => [name, value.toString('hex')]),
      expected.map(([name, value]) => [name, value.toString('hex')]),
    );
  }

  it('opens in the original SQLCipher with keys that argon2 and b3sum worked out, and has every value', () => {
    requireValues(readByHand(device, profile, keysOf(profile, masterKey)));
  });

  it('has the times of its entries in Unix seconds', () => {
    for (const { name, created, updated } of readByHand(device, profile, keysOf(profile, masterKey))) {
      assert.ok(Number(created) >= startedAt && Number(created) <= Date.now() / 1000, String(name));
      assert.equal(updated, created);
    }
  });

  it('has upstream\u2019s table and passes the integrity check', () => {
    const path = join(device.stateDirectory, 'vaults', `${profile}.db`);
    const key = keysOf(profile, masterKey).vaultKey.toString('hex');
    const statements = ["SELECT sql FROM sqlite_schema WHERE name = 'secrets'", 'PRAGMA cipher_integrity_check'];
    const [[[sql] = []] = [], problems] = sqlCipher({ path, key, statements });
    const bare = (text: unknown) => String(text).replace('IF NOT EXISTS ', '').replace(/\s+/g, ' ').replace(/;$/, '');
    assert.equal(bare(sql), bare(schema));
    assert.deepEqual(problems, []);
  });

  it('is not opened by keys of another profile or another password', () => {
    const path = join(device.stateDirectory, 'vaults', `${profile}.db`);
    const { vaultKey } = keysOf('other', masterKey);
    assert.throws(() => sqlCipher({ path, key: vaultKey.toString('hex'), statements: [everything] }), /not a database/);
    const kek = argon2idOfBytes('another password', salt);
    assert.throws(() => unseal(kek, fileOf(device, profile, 'password-wrap').subarray(1)), /authenticate/);
  });

  it('has factor files as the format describes them, for its owner alone', () => {
    assert.equal(salt.length, 16);
    for (const suffix of ['password-wrap', 'recovery-wrap']) {
      assert.equal(fileOf(device, profile, suffix).length, 61);
      assert.equal(fileOf(device, profile, suffix)[0], 1);
    }
    const directory = join(device.stateDirectory, 'vaults');
    const files = readdirSync(directory).filter((name) => name.startsWith(`${profile}.`));
    assert.ok(files.length >= 5, files.join());
    for (const name of files) assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name);
  });

  it('has metadata that upstream\u2019s parser takes: its own factors alone, and recovery under a key that it ignores', () => {
    const { version, init_mode, enrolled_factors, auth_policy, created_at, policy_changed_at } = JSON.parse(
      fileOf(device, profile, 'vault-meta').toString(),
    );
    assert.deepEqual([version, init_mode, auth_policy], [1, 'password', 'any']);
    const [{ factor_id, label, enrolled_at }, ...others] = enrolled_factors;
    assert.deepEqual([factor_id, typeof label, others], ['password', 'string', []]);
    for (const time of [created_at, policy_changed_at, enrolled_at]) assert.ok(time >= startedAt && time <= Date.now() / 1000);
  });

  it('gives the same master key to the recovery key', () => {
    const kek = b3sumDeriveKey(`pds v2 recovery-kek ${profile}`, recoveryBytes(recoveryKey));
    assert.deepEqual(unseal(kek, fileOf(device, profile, 'recovery-wrap').subarray(1)), masterKey);
  });

  it('in "all" mode derives its master key from the pieces of its factors', async () => {
    let combined = '';
    for (let attempt = 0; combined === '' || fileOf(device, combined, 'salt').includes(0); attempt += 1) {
      combined = `all-${attempt}`;
      await initialise(device, combined, '--policy', 'all', '--no-recovery-key');
    }
    const kek = argon2idOfBytes(password, fileOf(device, combined, 'salt'));
    const piece = unseal(kek, fileOf(device, combined, 'password-wrap').subarray(1));
    requireValues(
      readByHand(device, combined, keysOf(combined, b3sumDeriveKey(`pds v2 combined-master-key ${combined}`, piece))),
    );
  });
});

describe('a vault that sesame made under the governance profile of [crypto]', () => {
  let device: Device;

  before(async () => {
    device = await startDevice('[crypto]\nkdf = "pbkdf2-sha256"\nhkdf = "hkdf-sha256"\n');
    await initialise(device, 'device', '--no-recovery-key');
  });

  after(() => device.dispose());

  it('opens in the original SQLCipher with keys from PBKDF2 and HKDF', () => {
    const kek = pbkdf2Sync(password, fileOf(device, 'device', 'salt'), 600_000, 32, 'sha256');
    const masterKey = unseal(kek, fileOf(device, 'device', 'password-wrap').subarray(1));
    const vaultKey = hkdfSha256(masterKey, 'pds v2 vault-key device');
    const rows = readByHand(device, 'device', { vaultKey, entryKey: hkdfSha256(vaultKey, 'pds v2 entry-encryption-key') });
    assert.deepEqual(rows.map(({ name }) => String(name)).sort(), Object.keys(values).sort());
    for (const { name, value } of rows) assert.deepEqual(value, values[String(name)]);
  });
});

/** A profile as upstream leaves it on a disk. */
interface Foreign {
  readonly profile: string;
  readonly salt: string;
  readonly masterKey: Buffer;
  readonly files: Readonly<Record<string, Buffer>>;
}

const upstreamMeta = (policy: string, initMode: unknown = 'password') =>
  Buffer.from(
    JSON.stringify({
      version: 1,
      init_mode: initMode,
      enrolled_factors: [{ factor_id: 'password', label: 'master password', enrolled_at: 1_700_000_000 }],
      auth_policy: policy,
      created_at: 1_700_000_000,
      policy_changed_at: 1_700_000_000,
    }),
  );

const wrapOf = (salt: string, piece: Buffer) => Buffer.concat([Buffer.of(1), seal(argon2id(Buffer.from(password), salt), piece)]);

function usual(): Foreign {
  const salt = 'usual-salt-16byt';
  const masterKey = randomBytes(32);
  const files = { 'password-wrap': wrapOf(salt, masterKey), 'vault-meta': upstreamMeta('any') };
  return { profile: 'usual', salt, masterKey, files };
}

function combined(): Foreign {
  const salt = 'combined-salt-16';
  const piece = randomBytes(32);
  const files = {
    'password-wrap': wrapOf(salt, piece),
    'vault-meta': upstreamMeta('all', { 'multi-factor': { factors: ['password'] } }),
  };
  return { profile: 'combined', salt, masterKey: b3sumDeriveKey('pds v2 combined-master-key combined', piece), files };
}

/** The oldest form: no wrap and no metadata, the stretched password is the master key. */
function oldest(): Foreign {
  const salt = 'oldest-salt-16by';
  return { profile: 'oldest', salt, masterKey: argon2id(Buffer.from(password), salt), files: {} };
}

function writeForeign(device: Device, { profile, salt, masterKey, files }: Foreign): void {
  const path = (suffix: string) => join(device.stateDirectory, 'vaults', `${profile}.${suffix}`);
  const { vaultKey, entryKey } = keysOf(profile, masterKey);
  for (const [suffix, content] of Object.entries({ salt: Buffer.from(salt), ...files }))
    writeFileSync(path(suffix), content, { mode: 0o600 });
  const inserts = Object.entries(values).map(
    ([name, value]) =>
      `INSERT INTO secrets VALUES ('${name}', x'${seal(entryKey, value).toString('hex')}', 1600000000, 1600000001)`,
  );
  sqlCipher({ path: path('db'), key: vaultKey.toString('hex'), statements: [schema, ...inserts] });
}

describe('a state directory that was put together by others, without init', () => {
  const id = randomUUID();
  const python = (expression: string) =>
    oracle('python3', 'python3', ['-c', `import uuid; print(${expression})`], Buffer.alloc(0))
      .toString()
      .trim();
  const namespace = python(`uuid.uuid5(uuid.UUID('4c45a64f-abcd-5977-bc73-99d4c93d668b'), 'install:${id}')`);
  const vaults = [usual(), combined(), oldest()];
  let device: Device;

  before(async () => {
    device = new Device();
    mkdirSync(join(device.stateDirectory, 'vaults'), { mode: 0o700 });
    writeFileSync(join(device.stateDirectory, 'installation.toml'), `id = "${id}"\nnamespace = "${namespace}"\n`, {
      mode: 0o640,
    });
    for (const vault of vaults) writeForeign(device, vault);
    await device.start();
  });

  after(() => device.dispose());

  it('is known with its identity and all its vaults', async () => {
    const status = JSON.parse((await device.must(['status', '--json'])).toString());
    assert.equal(status.installation, id);
    const states = status.vaults.map(({ profile, state }: { profile: string; state: string }) => [profile, state]);
    assert.deepEqual(states, vaults.map(({ profile }) => [profile, 'locked']).sort());
  });

  for (const vault of vaults) {
    const { profile } = vault;

    it(`refuses a wrong password for the vault "${profile}" with exit 8`, async () => {
      const result = await device.sesame(['unlock', '-p', profile, '--password-stdin'], 'a wrong password\n');
      assert.equal(result.code, 8, result.stderr);
    });

    it(`unlocks the vault "${profile}" and serves every value`, async () => {
      await device.unlock(profile);
      assert.deepEqual(await device.must(['secret', 'get', '-p', profile, 'bytes/all']), values['bytes/all']);
      await withClient(device, async (client) => {
        for (const [name, value] of Object.entries(values))
          assert.deepEqual(await readSecret(client, profile, name), value, name);
      });
      const { secrets } = JSON.parse((await device.must(['secret', 'list', '-p', profile, '--json'])).toString());
      const times = { created_at: 1_600_000_000, updated_at: 1_600_000_001 };
      assert.deepEqual(
        secrets,
        Object.keys(values)
          .sort()
          .map((name) => ({ name, ...times })),
      );
    });

    it(`writes into the vault "${profile}" what the original SQLCipher reads`, async () => {
      await device.must(['secret', 'set', '-p', profile, 'empty'], 'not empty any more');
      await withClient(device, async (client) => {
        await client.request('secret-set', { profile, name: 'ours' }, Buffer.from('new'));
        await client.request('secret-delete', { profile, name: 'api-token' });
        await client.request('vault-lock', { profile });
      });
      const rows = readByHand(device, profile, keysOf(profile, vault.masterKey));
      const found = new Map(rows.map(({ name, value }) => [String(name), value]));
      assert.equal(found.get('empty')?.toString(), 'not empty any more');
      assert.equal(found.get('ours')?.toString(), 'new');
      assert.equal(found.has('api-token'), false);
      assert.equal(rows.find(({ name }) => name === 'empty')?.created, 1_600_000_000, 'an update keeps the time of creation');
    });
  }

  it('leaves the files of the oldest form as upstream knows them', () => {
    const names = readdirSync(join(device.stateDirectory, 'vaults')).filter((name) => /^oldest\.(?!db)/.test(name));
    assert.deepEqual(names, ['oldest.salt']);
  });

  it('names profiles in the audit chain by the ids of its namespace', () => {
    const expected = python(`uuid.uuid5(uuid.UUID('${namespace}'), 'profile:usual')`);
    const targets = JSON.stringify(device.auditEntries());
    assert.ok(targets.includes(`{"ProfileActivated":{"target":"${expected}"`), targets);
  });
});
