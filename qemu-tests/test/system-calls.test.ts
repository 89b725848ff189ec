// SPDX-License-Identifier: MIT
import { before, describe } from 'node:test';
import type { DaemonName } from '../../app/test/support/device.ts';
import { itIsWhatIsUsed } from '../../app/test/support/system-call-list.ts';
import type { Uses } from '../../app/test/support/system-call-trace.ts';
import { buildDevice } from '../build/device.ts';
import { openrcTools } from '../build/openrc-tools.ts';
import { Device } from '../harness/device.ts';
import { services } from '../harness/memory.ts';

/** Each system call stops its program twice, under emulation. */
const recordingLimitMs = 1_200_000;

describe('on aarch64, the list of system calls', () => {
  let uses: Record<DaemonName, Uses>;

  before(async () => {
    const image = await buildDevice((text) => process.stderr.write(`${text}\n`), openrcTools);
    const device = await Device.create('system calls', image);
    try {
      await device.boot();
      for (const service of services) await device.must(device.control.stop(service));
      uses = JSON.parse(await device.must('/usr/lib/open-sesame/bin/every-function', '', recordingLimitMs));
    } finally {
      await device.dispose();
    }
  });

  itIsWhatIsUsed('arm64', (daemon) => uses[daemon]);
});
