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

/**
 * A secret over a connection that is there already, by turns with an echo, so that all meet the same machine. The echo whose hops are
 * encrypted is the least that a bus in Node can take: what lies between the two no program of ours decides.
 */
export function secretGet({ quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 3 : 9;
  const requests = quick ? 200 : 1000;
  return withDevice(async (device) => {
    const client = await connectClient(device);
    const echo = await RelayedEcho.start();
    const sealedEcho = await RelayedEcho.start({ sealed: true });
    const message = Buffer.alloc(messageLength, 1);
    const times: { get: number[]; echo: number[]; sealed: number[] }[] = [];
    for (let round = 1 - warmUp; round <= rounds; round += 1) {
      say(`${budget}: round ${round} of ${rounds}`);
      times.push({
        echo: await timeEachAsync(requests, () => echo.roundTrip(message)),
        sealed: await timeEachAsync(requests, () => sealedEcho.roundTrip(message)),
        get: await timeEachAsync(requests, () => getSecret(client)),
      });
    }
    await echo.stop();
    await sealedEcho.stop();
    await client.close();
    const warm = times.slice(warmUp);
    const share = (of: 'get' | 'echo' | 'sealed', rank: number) => median(warm.map((round) => percentile(round[of], rank)));
    const figure = (rank: number): Figure => ({
      budget,
      measured: `p${rank * 100}`,
      value: share('get', rank),
      floor: { measured: 'echo whose hops are encrypted', value: share('sealed', rank) },
      unit: 'µs',
    });
    const bare: Figure = {
      ...figure(0.5),
      floor: { measured: 'echo through a bare Node relay', value: share('echo', 0.5) },
    };
    return [{ ...figure(0.5), limit: { of: 'ratio', most: 3 } }, { ...figure(0.99), limit: { of: 'ratio', most: 10 } }, bare];
  });
}
