// SPDX-License-Identifier: MIT
// every-function: has strace(1) record both daemons, which are started beside those of the device, while every function of the product is
// used, the TPM's as well, and prints for each daemon which system calls it made when, as one JSON value.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DaemonName, Device } from '../../app/test/support/device.ts';
import { configuration, useEveryFunction } from '../../app/test/support/every-function.ts';
import { readTrace, recorder, usesIn } from '../../app/test/support/system-call-trace.ts';

/** /tmp is small here. */
const home = '/run/every-function';
const recordings = '/run/recordings';
const withTpm = `${configuration}\n[global.tpm]\npcrs = [16]\nallow_zero_pcrs = true\n`;

async function run(): Promise<void> {
  mkdirSync(recordings, { recursive: true });
  const path = (name: DaemonName) => join(recordings, name);
  const device = new Device(withTpm, { home, programs: '/usr/lib/open-sesame/bin', through: (name) => recorder(path(name)) });
  try {
    const steps = await useEveryFunction(device, { tpm: true });
    const uses = (name: DaemonName) => usesIn(readTrace(path(name)), steps);
    process.stdout.write(JSON.stringify({ 'daemon-profile': uses('daemon-profile'), 'daemon-secrets': uses('daemon-secrets') }));
  } finally {
    await device.dispose();
    rmSync(recordings, { recursive: true, force: true });
  }
}

run().catch((thrown: unknown) => {
  process.stderr.write(`every-function: ${String(thrown)}\n`);
  process.exitCode = 1;
});
