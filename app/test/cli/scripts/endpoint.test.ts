// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Device } from '../../support/device.ts';
import { ends } from './expect.ts';

const elsewhere = mkdtempSync(join(tmpdir(), 'open-sesame-test-'));
after(() => rmSync(elsewhere, { recursive: true, force: true }));

const buses: readonly (readonly [what: string, configuration: string])[] = [
  ['a socket of another place', `[global.ipc]\nsocket_path = "${join(elsewhere, 'bus.sock')}"\n`],
  ['another cipher', '[crypto]\nnoise_cipher = "aes-gcm"\n'],
  ['another hash', '[crypto]\nnoise_hash = "sha256"\n'],
];

for (const [what, configuration] of buses) {
  describe(`sesame on a bus with ${what}`, () => {
    const device = new Device(configuration);
    before(async () => {
      await device.start();
      await device.initialise();
      await device.must(['secret', 'set', '-p', 'device', 'a'], 'value');
    });
    after(() => device.dispose());

    it('finds it in the configuration, whether it only reads secrets or is the whole program', async () => {
      assert.equal((await ends(device, 0, ['secret', 'get', '-p', 'device', 'a'])).stdout.toString(), 'value');
      assert.match((await ends(device, 0, ['env', '-p', 'device', '--', 'sh', '-c', 'echo $A'])).stdout.toString(), /^value\n$/);
      assert.match((await ends(device, 0, ['secret', 'list', '-p', 'device'])).stdout.toString(), /^a\n$/);
    });
  });
}

describe('sesame where no setting of the bus could help', () => {
  const copy = mkdtempSync(join(tmpdir(), 'open-sesame-dist-'));
  const device = new Device('', { programs: join(copy, 'bin') });
  after(async () => {
    await device.dispose();
    rmSync(copy, { recursive: true, force: true });
  });

  it('says what is wrong without loading what reads the configuration', async () => {
    for (const part of ['bin', 'lib'])
      cpSync(join(import.meta.dirname, '../../../../dist', part), join(copy, part), { recursive: true });
    rmSync(join(copy, 'lib/sesame-endpoint.cjs'));
    mkdirSync(join(device.runtimeDirectory, 'bus.pub'));
    const { stderr } = await ends(device, 11, ['secret', 'get', '-p', 'device', 'a']);
    assert.match(stderr, /bus\.pub is damaged: it is not a regular file/);
  });
});
