// SPDX-License-Identifier: MIT
import { connectClient } from '../test/support/client.ts';
import { getSecret, load, withDevice } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';

const budget = 'locked memory';
const connections = 50;

/** Secret pages that daemon-secrets uses at rest and while as many secrets are on their way as there are connections. */
export function lockedPages({ quick, say }: BenchOptions): Promise<Figure[]> {
  return withDevice(async (device) => {
    const observer = await connectClient(device);
    const status = async () => (await observer.request('secrets-status', {})).body.daemon.secret_memory;
    // The observer's own connection is among what is counted, and so it is at rest and under load.
    await getSecret(observer);
    const idle = (await status()).pages_in_use;
    say(`${budget}: ${connections} requests at once`);
    const clients = await Promise.all(Array.from({ length: connections }, () => connectClient(device)));
    await load(clients, connections);
    const connected = (await status()).pages_in_use;
    let busiest = connected;
    let running = true;
    const watching = (async () => {
      while (running) busiest = Math.max(busiest, (await status()).pages_in_use);
    })();
    await load(clients, quick ? 1000 : 10_000);
    running = false;
    await watching;
    await Promise.all([...clients, observer].map((client) => client.close()));
    const keys = { measured: 'keys of vault and bus at rest', value: idle };
    return [
      { budget, measured: 'at rest, vault unlocked', value: idle, floor: keys, unit: 'pages' },
      {
        budget,
        measured: `in flight, ${connections} connections`,
        value: busiest - connected,
        floor: { measured: 'one a secret in flight', value: connections },
        unit: 'pages',
        limit: { of: 'ratio', most: 1 },
      },
    ];
  });
}
