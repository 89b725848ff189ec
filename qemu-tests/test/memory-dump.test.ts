// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Device, password } from '../harness/device.ts';
import { readyDevice } from '../harness/ready-device.ts';
import { countInFile } from '../harness/search.ts';
import { keysOf } from './vault-keys.ts';

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
    const [, , vaultKeys = 0, entryKeys = 0] = await find(...(await keysOf(device)));
    assert.ok(vaultKeys + entryKeys > 0, 'so the search below would find them');
  });

  it('holds neither a secret value nor the password after the vault was locked', async () => {
    await device.must('sesame lock -p device; rm -f /run/device-agent/*');
    const [values = -1, passwords = -1] = await find(value, Buffer.from(password));
    assert.deepEqual({ values, passwords }, { values: 0, passwords: 0 });
  });

  it('holds no key after the vault was locked', async () => {
    const counts = await find(...(await keysOf(device)));
    assert.deepEqual(counts, [0, 0, 0, 0], 'password key, master key, vault key, entry key');
  });

  it('is the only place: the data partition holds no value, no password and no key', async () => {
    const partition = join(device.directory, 'snapshot');
    await device.must('sync');
    await device.snapshotData(partition);
    const counts = countInFile(partition, [value, Buffer.from(password), ...(await keysOf(device))]);
    assert.deepEqual(counts, [0, 0, 0, 0, 0, 0]);
  });
});
