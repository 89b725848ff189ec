// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import type { BusClient } from '../src/bus/client.ts';
import { connectClient } from '../test/support/client.ts';
import { load, withDevice } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { highestDuring, lockedPages as lockedPagesOf } from './process-memory.ts';

const budget = 'locked memory';
const connections = 50;

/**
 * Pages that the kernel holds locked for daemon-secrets, at rest and while as many secrets are on their way as there are
 * connections. They are counted from outside, so that what is pooled for the next secret is among them.
 */
export function lockedPages({ quick, say }: BenchOptions): Promise<Figure[]> {
  return withDevice(async (device) => {
    const locked = () => lockedPagesOf(device.pid('daemon-secrets'));
    const idle = locked();
    say(`${budget}: ${connections} connections`);
    const clients = await Promise.all(Array.from({ length: connections }, () => connectClient(device)));
    const inUse = (await getStatus(clients)).pages_in_use;
    const busiest = await highestDuring(locked, () => load(clients, quick ? 1000 : 10_000));
    const keys = { measured: 'in use, as its status says', value: inUse };
    await Promise.all(clients.map((client) => client.close()));
    return [
      { budget, measured: 'at rest, vault unlocked', value: idle, floor: keys, unit: 'pages' },
      {
        budget,
        measured: `more under load, ${connections} connections`,
        value: busiest - idle,
        floor: { measured: 'one a secret in flight', value: connections },
        unit: 'pages',
        limit: { of: 'ratio', most: 1 },
      },
    ];
  });
}

async function getStatus([client]: readonly BusClient[]) {
  assert.ok(client !== undefined, 'there is a connection');
  return (await client.request('secrets-status', {})).body.daemon.secret_memory;
}
