// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hashRaw } from '@node-rs/argon2';
import { b3sumDeriveKey } from '../../app/test/crypto/oracle.ts';
import { type Device, password } from '../harness/device.ts';
import { readyDevice } from '../harness/ready-device.ts';
import { countInFile } from '../harness/search.ts';

/** As @node-rs/argon2 numbers them; its names are constant enums, which a file by itself cannot use. */
const argon2id = 2;
const version0x13 = 1;

describe('the whole memory of the device, dumped from outside', () => {
  const value = randomBytes(48);
  const marker = randomBytes(48);
  let device: Device;
  let dump: string;

  before(async () => {
    device = await readyDevice('memory dump');
    dump = join(device.directory, 'memory');
    await device.must('sesame secret set -p device name', value);
    const read = await device.must('sesame secret get -p device name | sha256sum');
    assert.ok(read.startsWith(createHash('sha256').update(value).digest('hex')), 'the value was served');
  });
  after(() => device.dispose());

  async function find(...needles: readonly Buffer[]): Promise<number[]> {
    await device.machine.dumpMemory(dump);
    return countInFile(dump, needles);
  }

  it('shows a planted marker, so what it does not show is not there', async () => {
    await device.must('cat > /run/marker', marker);
    const [count = 0] = await find(marker);
    assert.ok(count > 0);
  });

  it('shows the keys of a vault that is open: secret memory is out of reach of the kernel, not of the hypervisor', async () => {
    const [, , vaultKeys = 0, entryKeys = 0] = await find(...(await keys()));
    assert.ok(vaultKeys + entryKeys > 0, 'so the search below would find them');
  });

  it('holds neither a secret value nor the password after the vault was locked', async () => {
    await device.must('sesame lock -p device; rm -f /run/device-agent/*');
    const [values = -1, passwords = -1] = await find(value, Buffer.from(password));
    assert.deepEqual({ values, passwords }, { values: 0, passwords: 0 });
  });

  it('holds no key after the vault was locked', async () => {
    const counts = await find(...(await keys()));
    assert.deepEqual(counts, [0, 0, 0, 0], 'password key, master key, vault key, entry key');
  });

  it('is the only place: the data partition holds no value, no password and no key', async () => {
    const partition = join(device.directory, 'snapshot');
    await device.must('sync');
    await device.snapshotData(partition);
    const counts = countInFile(partition, [value, Buffer.from(password), ...(await keys())]);
    assert.deepEqual(counts, [0, 0, 0, 0, 0, 0]);
  });

  /** Every key of the profile, computed here from the password and the files on the device. */
  async function keys(): Promise<[Buffer, Buffer, Buffer, Buffer]> {
    const read = async (name: string): Promise<Buffer> =>
      Buffer.from(await device.must(`base64 -w 0 /var/lib/pds/vaults/device.${name}`), 'base64');
    const parameters = { algorithm: argon2id, version: version0x13, memoryCost: 19456, timeCost: 2, parallelism: 1 };
    const passwordKey = await hashRaw(password, { ...parameters, outputLen: 32, salt: await read('salt') });
    const masterKey = open(passwordKey, await read('password-wrap'));
    const vaultKey = b3sumDeriveKey('pds v2 vault-key device', masterKey);
    return [passwordKey, masterKey, vaultKey, b3sumDeriveKey('pds v2 entry-encryption-key', vaultKey)];
  }
});

/** Version || nonce || AES-256-GCM, as FORMATS has a password-wrap; authentication shows that the key is the right one. */
function open(key: Buffer, wrap: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, wrap.subarray(1, 13));
  decipher.setAuthTag(wrap.subarray(-16));
  return Buffer.concat([decipher.update(wrap.subarray(13, -16)), decipher.final()]);
}
