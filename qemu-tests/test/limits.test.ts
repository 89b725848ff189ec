// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { rounds } from '../../app/test/support/campaign.ts';
import { type Device, password } from '../harness/device.ts';
import { bareNodeMemory, daemonMemory, type ProcessMemory, restarts, type Service } from '../harness/memory.ts';
import { readyDevice } from '../harness/ready-device.ts';

/** Under emulation a request takes 10 ms and more; the full number belongs to `npm run test:long`. */
const requests = rounds(1_000, 10_000);
const loadLimitMs = 3_600_000;
const connections = 20;
const megabyte = 1024 * 1024;

/** Of each request. A daemon whose pages are reclaimed all the time has several. */
const mostFaults = 0.01;

/** Limits of the seed page; goals of the design. */
const services: readonly { readonly service: Service; readonly limit: number; readonly goal: number }[] = [
  { service: 'open-sesame-profile', limit: 32 * megabyte, goal: 20 * megabyte },
  { service: 'open-sesame-secrets', limit: 64 * megabyte, goal: 48 * megabyte },
];

describe(`${requests} requests and an unlock on a device of 256 MB`, () => {
  let device: Device;
  before(async () => {
    device = await readyDevice('limits');
    await device.configure('[global.rate_limit]\nper_second = 100000\nburst = 100000\n');
    await device.unlock();
    await device.must('sesame secret set -p device name', 'x'.repeat(256));
  });
  after(() => device.dispose());

  it('stay inside 32 MB and 64 MB with 8 MB of locked memory: no OOM kill, no thrashing', async (context) => {
    const earlier = await Promise.all(services.map(({ service }) => daemonMemory(device, service)));
    const started = performance.now();
    await device.must(`/usr/lib/open-sesame/bin/load device name ${requests} ${connections}`, '', loadLimitMs);
    const seconds = (performance.now() - started) / 1000;
    await device.must('sesame lock -p device');
    await device.must('sesame unlock -p device --password-stdin', `${password}\n`);
    context.diagnostic(`${(requests / seconds).toFixed(0)} requests a second`);
    context.diagnostic(`a Node that does nothing: ${report(await bareNodeMemory(device))}`);
    for (const [index, { service, limit, goal }] of services.entries()) {
      const memory = await daemonMemory(device, service);
      const faults = (memory.majorFaults - (earlier[index]?.majorFaults ?? 0)) / requests;
      context.diagnostic(
        `${service}: ${report(memory)}, ${faults} major faults a request; limit ${mb(limit)}, goal of the peak ${mb(goal)}`,
      );
      assert.equal(memory.max, limit, 'the limit is in force');
      assert.equal(memory.lockLimit, 8 * megabyte, 'the smallest memory lock that the seed names');
      assert.equal(memory.oomKills, 0);
      assert.equal(await restarts(device, service), 0);
      assert.ok(memory.peak <= limit);
      assert.ok(faults < mostFaults, `${faults} major faults a request`);
    }
  });
});

function report({ peak, anonymous, pss }: ProcessMemory): string {
  return `peak ${mb(peak)}, anonymous ${mb(anonymous)}, PSS ${mb(pss)}`;
}

function mb(bytes: number): string {
  return `${(bytes / megabyte).toFixed(1)} MB`;
}
