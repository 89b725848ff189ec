// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { BusClient } from '../../src/bus/client.ts';
import { type Operation, operations, times } from '../support/audited-operations.ts';
import { failureOf, readSecret } from '../support/client.ts';
import type { Device } from '../support/device.ts';
import { asUser, otherUsersMissing, sesameAs, startForOthers } from '../support/other-user.ts';

const skip = otherUsersMissing;

describe('1,000 denials of one client', { skip }, () => {
  let device: Device;

  before(async () => {
    device = await startForOthers(`
[global.rate_limit]
per_second = 100000
burst = 100000
[clients.prober]
uid = 61301
[clients.other]
uid = 61302
[profiles.device.secrets.access]
prober = ["allowed"]
other = []
`);
  });

  after(() => device.dispose());

  it('make a handful of entries that account for every one, beside those of other clients', async () => {
    const startedAt = Date.now();
    await asUser(device, { uid: 61_301 }, async (client) => {
      const codes = new Set<string>();
      for (let count = 0; count < 1000; count += 1) codes.add(await failureOf(readSecret(client, 'device', `guess/${count}`)));
      assert.deepEqual([...codes], ['access-denied']);
      await asUser(device, { uid: 61_302 }, async (other) =>
        assert.equal(await failureOf(readSecret(other, 'device', 'name')), 'access-denied'),
      );
      for (let count = 0; count < 1000; count += 1)
        assert.equal(await failureOf(client.request('vault-lock', {})), 'clearance-too-low');
    });
    const seconds = Math.ceil((Date.now() - startedAt) / 1000);
    const isDenial = (wanted: string, kind: string) => (operation: Operation) =>
      operation.client === wanted && operation.action === kind && operation.outcome === 'denied';
    for (const action of ['get', 'vault-lock']) {
      await device.eventually(`every ${action} is accounted for`, () => times(device, isDenial('prober', action)) >= 1000);
      assert.equal(times(device, isDenial('prober', action)), 1000);
      const entries = operations(device).filter(isDenial('prober', action)).length;
      assert.ok(entries <= 2 + seconds, `${entries} entries in ${seconds} s`);
    }
    assert.equal(times(device, isDenial('other', 'get')), 1);
  });
});

describe('the rate limit', { skip }, () => {
  const burst = 40;
  let device: Device;

  before(async () => {
    device = await startForOthers(`
[global.rate_limit]
per_second = 20
burst = ${burst}
[clients.greedy]
uid = 61401
[clients.modest]
uid = 61402
[clients.observer]
uid = 61403
[profiles.device.secrets.access]
observer = ["*"]
`);
  });

  after(() => device.dispose());

  async function codesOf(client: BusClient, times: number): Promise<string[]> {
    return await Promise.all(Array.from({ length: times }, () => failureOf(client.request('profile-status', {}))));
  }

  it('lets a burst pass, then refuses, on all connections of a client together, and nobody else notices', async () => {
    await asUser(device, { uid: 61_401 }, async (greedy) => {
      const startedAt = performance.now();
      const passed = (await codesOf(greedy, 100)).filter((code) => code === 'success').length;
      const refilled = ((performance.now() - startedAt) / 1000) * 20;
      assert.ok(
        passed >= burst && passed <= burst + refilled + 1,
        `${passed} of 100 passed, ${refilled} more than the burst may`,
      );
      await asUser(device, { uid: 61_401 }, async (second) => {
        const refused = (await codesOf(second, 30)).filter((code) => code === 'rate-limited').length;
        assert.ok(refused > 0, 'a second connection has no second bucket');
      });
      await asUser(device, { uid: 61_402 }, async (modest) => {
        assert.deepEqual(new Set(await codesOf(modest, burst)), new Set(['success']));
      });
    });
  });

  it('ends by itself', async () => {
    await asUser(device, { uid: 61_401 }, async (greedy) => {
      await codesOf(greedy, 100);
      await wait(1000);
      const passed = (await codesOf(greedy, 10)).filter((code) => code === 'success').length;
      assert.equal(passed, 10, 'a second brings twenty');
    });
  });

  it('ends a command with exit 5 and the name of the setting', async () => {
    await asUser(device, { uid: 61_403 }, async (client) => {
      // The command may find the token that came back while it started: then it is tried again.
      const refusal = async () => {
        for (let attempt = 0; attempt < 20; attempt += 1) {
          let ended = false;
          const listing = sesameAs(device, { uid: 61_403 }, ['secret', 'list', '-p', 'device']).finally(() => {
            ended = true;
          });
          while (!ended) await codesOf(client, 30);
          const result = await listing;
          if (result.code !== 0) return result;
        }
        return assert.fail('twenty commands passed while the bucket was being emptied');
      };
      const { code, stderr } = await refusal();
      assert.equal(code, 5, stderr);
      assert.match(stderr, /observer sent more than 20 requests a second; .*\[global\.rate_limit\]/);
    });
  });
});
