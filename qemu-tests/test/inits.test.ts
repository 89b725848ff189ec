// SPDX-License-Identifier: MIT
import { describe, it } from 'node:test';
import { buildDevice } from '../build/device.ts';
import { runit } from '../build/runit.ts';
import { Device } from '../harness/device.ts';
import { requireLimits } from './lifecycle.ts';

const megabyte = 1024 * 1024;

describe('a device whose init has no supervision of its own', () => {
  it('boots to both daemons answering, with their limits in force', async () => {
    const image = await buildDevice((text) => process.stderr.write(`${text}\n`), runit);
    const device = await Device.create('inits', image);
    try {
      await device.boot();
      await device.must('sesame status');
      await requireLimits(device, 8 * megabyte);
    } finally {
      await device.dispose();
    }
  });
});
