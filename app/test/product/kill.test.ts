// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { BusClient } from '../../src/bus/client.ts';
import { SesameError } from '../../src/core/errors.ts';
import { rounds, seededRandom } from '../support/campaign.ts';
import { connectClient, readSecret } from '../support/client.ts';
import { type DaemonName, type Device, startDevice } from '../support/device.ts';

const kills = rounds(12, 300);

/** Names that are written over and over, so that values are replaced as well as created. */
const names = 40;

describe(`kill -9 of either daemon at a random moment, ${kills} times during writes`, () => {
  const random = seededRandom();
  const acknowledged = new Map<string, Buffer>();
  /** What a write that was cut off may have left: either this or what was acknowledged before. */
  const attempted = new Map<string, Buffer>();
  let device: Device;

  before(async () => {
    device = await startDevice('[global.rate_limit]\nper_second = 100000\nburst = 100000\n[global.logging]\nlevel = "error"\n');
    await device.initialise();
  });

  after(() => device.dispose());

  /** Writes until the connection breaks. */
  async function write(): Promise<void> {
    let client: BusClient | undefined;
    try {
      client = await connectClient(device);
      for (;;) {
        const name = `name/${random.below(names)}`;
        const value = randomBytes(random.below(2000));
        attempted.set(name, value);
        await client.request('secret-set', { profile: 'device', name }, value);
        acknowledged.set(name, value);
        attempted.delete(name);
      }
    } catch (thrown) {
      assert.ok(thrown instanceof SesameError && thrown.exit === 13, `seed ${random.seed}: ${String(thrown)}`);
    } finally {
      await client?.close();
    }
  }

  async function check(): Promise<void> {
    const client = await connectClient(device);
    try {
      for (const [name, value] of acknowledged) {
        const found = await readSecret(client, 'device', name);
        const cutOff = attempted.get(name);
        assert.ok(found.equals(value) || cutOff?.equals(found), `seed ${random.seed}: ${name} is what was acknowledged`);
        acknowledged.set(name, found);
        attempted.delete(name);
      }
    } finally {
      await client.close();
    }
  }

  it('loses no acknowledged write, tears none, and leaves an audit chain that verifies', async (context) => {
    let written = 0;
    for (let round = 0; round < kills; round += 1) {
      const victim: DaemonName = random.below(2) === 0 ? 'daemon-profile' : 'daemon-secrets';
      const writing = write();
      await wait(random.below(150));
      await device.end(victim, 'SIGKILL');
      await writing;
      written += acknowledged.size;
      device.launch(victim);
      await device.answers();
      if (victim === 'daemon-secrets') await device.unlock();
      await check();
    }
    context.diagnostic(`seed ${random.seed}, ${kills} kills, ${acknowledged.size} names, ${written} values read back`);
    const verified = await device.sesame(['audit', 'verify', '--json']);
    assert.equal(verified.code, 0, `seed ${random.seed}: ${verified.stderr}`);
    assert.ok(acknowledged.size > 0, 'something was written');
  });
});
