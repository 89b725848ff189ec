// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Device } from '../support/device.ts';

const program = join(import.meta.dirname, '../../../dist/bin/sesame');

/** How many sockets of a process listen on TCP. */
function listeners(pid: number): number {
  const listening = '0A';
  const inodes = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listening)
    .map((fields) => `socket:[${fields[9]}]`);
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
  return descriptors.filter((target) => inodes.includes(target)).length;
}

// SIGUSR1 opens Node's inspector on a port of the machine: every user of it could then read keys and run code.
describe('SIGUSR1 opens no inspector', () => {
  const device = new Device();
  before(() => device.start());
  after(() => device.dispose());

  for (const name of ['daemon-secrets', 'daemon-profile'] as const) {
    it(`in ${name}`, async () => {
      const pid = device.pid(name);
      process.kill(pid, 'SIGUSR1');
      for (let round = 0; round < 10 && device.running(name); round += 1) {
        assert.equal(listeners(pid), 0);
        await wait(50);
      }
      assert.doesNotMatch(device.log(name), /debugger|inspector/i);
    });
  }

  it('in sesame', async () => {
    // It waits for its input.
    const child = spawn(program, ['secret', 'set', '-p', 'device', 'name'], { env: device.environment, stdio: 'pipe' });
    let shown = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    const ended = once(child, 'exit');
    await wait(500);
    child.kill('SIGUSR1');
    await wait(200);
    child.kill('SIGKILL');
    await ended;
    assert.doesNotMatch(shown, /debugger|inspector/i);
  });
});
