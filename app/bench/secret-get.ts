// SPDX-License-Identifier: MIT
import { connectClient } from '../test/support/client.ts';
import { getSecret, withDevice } from './device.ts';
import { RelayedEcho } from './echo.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { median, percentile, timeEachAsync } from './statistics.ts';

const budget = '`secret get`, warm connection';

/** What a request and its reply of 256 bytes take on the wire, rounded down. */
const messageLength = 384;

/** Rounds that do not count: the compiler of V8 takes some thousand requests. */
const warmUp = 5;

/** A secret over a connection that is there already, by turns with an echo, so that both meet the same machine. */
export function secretGet({ quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 3 : 9;
  const requests = quick ? 200 : 1000;
  return withDevice(async (device) => {
    const client = await connectClient(device);
    const echo = await RelayedEcho.start();
    const message = Buffer.alloc(messageLength, 1);
    const times: { get: number[]; echo: number[] }[] = [];
    for (let round = 1 - warmUp; round <= rounds; round += 1) {
      say(`${budget}: round ${round} of ${rounds}`);
      times.push({
        echo: await timeEachAsync(requests, () => echo.roundTrip(message)),
        get: await timeEachAsync(requests, () => getSecret(client)),
      });
    }
    await echo.stop();
    await client.close();
    const warm = times.slice(warmUp);
    const figure = (share: number, most: number): Figure => ({
      budget,
      measured: `p${share * 100}`,
      value: median(warm.map(({ get }) => percentile(get, share))),
      floor: { measured: 'echo through a bare Node relay', value: median(warm.map((round) => percentile(round.echo, share))) },
      unit: 'µs',
      limit: { of: 'ratio', most },
    });
    return [figure(0.5, 3), figure(0.99, 10)];
  });
}
