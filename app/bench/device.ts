// SPDX-License-Identifier: MIT
import type { BusClient } from '../src/bus/client.ts';
import { readSecret } from '../test/support/client.ts';
import { type Device, startDevice } from '../test/support/device.ts';

export const profile = 'device';
export const secretName = 'mqtt/password';

/** Bytes of the secret that is read. */
export const secretLength = 256;

/** The limits on requests would be what is measured. */
export const configuration = `[global.rate_limit]
per_second = 100000
burst = 100000
[global.logging]
level = "warn"
`;

/** Both daemons with an open vault that holds one secret; runs with them and removes them afterwards. */
export async function withDevice<Result>(action: (device: Device) => Promise<Result>): Promise<Result> {
  const device = await startDevice(configuration);
  try {
    await device.initialise(profile);
    await device.must(['secret', 'set', '-p', profile, secretName], 'x'.repeat(secretLength));
    return await action(device);
  } finally {
    await device.dispose();
  }
}

export function getSecret(client: BusClient): Promise<Buffer> {
  return readSecret(client, profile, secretName);
}

/** Reads the secret over all connections at once, each taking its share. */
export async function load(clients: readonly BusClient[], requests: number): Promise<void> {
  const each = Math.ceil(requests / clients.length);
  await Promise.all(
    clients.map(async (client) => {
      for (let count = 0; count < each; count += 1) await getSecret(client);
    }),
  );
}
