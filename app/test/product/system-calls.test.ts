// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { type DaemonName, Device, hasProgram } from '../support/device.ts';
import { configuration, useEveryFunction } from '../support/every-function.ts';
import { itIsWhatIsUsed } from '../support/system-call-list.ts';
import { readTrace, recorder, type Uses, usesIn } from '../support/system-call-trace.ts';

describe('the list of system calls', { skip: !hasProgram('strace') && 'install the Debian package strace' }, () => {
  let recordings: string;
  let uses: (daemon: DaemonName) => Uses;

  before(async () => {
    recordings = mkdtempSync(join(tmpdir(), 'open-sesame-traces-'));
    const path = (name: DaemonName) => join(recordings, name);
    const device = new Device(configuration, { through: (name) => recorder(path(name)) });
    try {
      const steps = await useEveryFunction(device);
      uses = (daemon) => usesIn(readTrace(path(daemon)), steps);
    } finally {
      await device.dispose();
    }
  });
  after(() => rmSync(recordings, { recursive: true, force: true }));

  itIsWhatIsUsed(process.arch === 'arm64' ? 'arm64' : 'x64', (daemon) => uses(daemon));
});
