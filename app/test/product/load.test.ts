// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BusClient } from '../../src/bus/client.ts';
import { memoryUsage } from '../../src/linux/memory-usage.ts';
import { connectClient, readSecret } from '../support/client.ts';
import { type DaemonName, type Device, startDevice } from '../support/device.ts';

const connections = 50;
const requests = 10_000;
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];

/** The limit of the issue, in kB. */
const growthLimitKb = 2048;

describe('10,000 requests over 50 connections', () => {
  let device: Device;
  let clients: BusClient[] = [];

  before(async () => {
    device = await startDevice('[global.rate_limit]\nper_second = 100000\nburst = 100000\n[global.logging]\nlevel = "warn"\n');
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'name'], 'x'.repeat(256));
    clients = await Promise.all(Array.from({ length: connections }, () => connectClient(device)));
  });

  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await device.dispose();
  });

  async function ask(total: number): Promise<void> {
    const each = total / connections;
    await Promise.all(
      clients.map(async (client) => {
        for (let count = 0; count < each; count += 1) assert.equal((await readSecret(client, 'device', 'name')).length, 256);
      }),
    );
  }

  it('leave both daemons no more than 2 MB larger than the first thousand did', async (context) => {
    await ask(1000);
    const first = daemons.map((name) => memoryUsage(device.pid(name)).anonymousKb);
    await ask(requests - 1000);
    const last = daemons.map((name) => memoryUsage(device.pid(name)).anonymousKb);
    context.diagnostic(`anonymous kB after 1,000: ${first.join(', ')}; after ${requests}: ${last.join(', ')}`);
    daemons.forEach((name, index) => {
      const growth = (last[index] ?? Number.NaN) - (first[index] ?? Number.NaN);
      assert.ok(growth <= growthLimitKb, `${name} grew by ${growth} kB`);
    });
  });
});
