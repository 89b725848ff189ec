// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';

/** What the design allows from power-on to an open vault, over the same image without us, in seconds on a quiet machine. */
const allowed = 2;

describe('power-on to unlocked', () => {
  let device: Device;
  before(async () => {
    device = await Device.create('boot time');
    await device.boot();
    await device.initialise();
    await device.powerOff();
  });
  after(() => device.dispose());

  it(`costs at most ${allowed} s over the same image without Open Sesame`, async (context) => {
    const plain = (await device.boot({ append: 'softlevel=plain' })) / 1000;
    assert.equal((await device.run('ps | grep "[d]aemon-profile"')).code, 1, 'the plain boot is one without Open Sesame');
    const slowdown = await device.slowdown();
    await device.powerOff();
    await device.boot();
    await device.unlock();
    const unlocked = (performance.now() - device.machine.poweredOnAt) / 1000;
    const limit = allowed * slowdown;
    context.diagnostic(
      `plain ${plain.toFixed(1)} s, unlocked ${unlocked.toFixed(1)} s, difference ${(unlocked - plain).toFixed(1)} s; ` +
        `the limit is ${limit.toFixed(1)} s at a slowdown of ${slowdown.toFixed(1)}`,
    );
    assert.ok(unlocked - plain <= limit);
  });
});
