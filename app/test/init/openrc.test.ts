// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { hasProgram } from '../support/device.ts';

const library = join(import.meta.dirname, '../../init/openrc/lib/daemon.sh');
const directory = mkdtempSync(join(tmpdir(), 'openrc-'));
const childPid = 4711;

after(() => rmSync(directory, { recursive: true }));

/** What the health check of the services, which runs as root, makes of a heartbeat. */
function silentFor(shell: string, heartbeat: string): { seconds: string; stderr: string } {
  const path = join(directory, 'service.alive');
  writeFileSync(path, heartbeat);
  const script = `. "$1"; heartbeat=$2; service_get_value() { echo ${childPid}; }; silent_for`;
  const { stdout, stderr } = spawnSync(shell, ['-c', script, shell, library, path], {
    env: { PATH: process.env['PATH'], RC_SVCNAME: 'service', daemon: 'daemon-profile', command_user: 'nobody' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { seconds: stdout.trim(), stderr };
}

/** On a device /bin/sh may be any of these. */
for (const shell of ['sh', 'bash']) {
  describe(`the health check under ${shell}`, { skip: !hasProgram(shell) && `there is no ${shell}` }, () => {
    it('counts the seconds since the last heartbeat', () => {
      const uptime = Math.trunc(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]));
      const { seconds } = silentFor(shell, `${uptime - 30}.25 ${childPid}\n`);
      assert.ok(Number(seconds) >= 30 && Number(seconds) < 40, seconds);
    });

    it('runs nothing that stands in a heartbeat, which the daemon writes', () => {
      const trace = join(directory, 'trace');
      const { seconds, stderr } = silentFor(shell, `a[$(touch>${trace})0] ${childPid}\n`);
      assert.equal(existsSync(trace), false);
      assert.deepEqual({ seconds, stderr }, { seconds: '0', stderr: '' });
    });

    it('takes a heartbeat of another process, an empty and a missing one for none', () => {
      for (const text of [`1 ${childPid + 1}\n`, '', `x ${childPid}\n`]) assert.equal(silentFor(shell, text).seconds, '0');
    });
  });
}
