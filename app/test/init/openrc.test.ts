// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { hasProgram } from '../support/device.ts';
import { onlyPrograms } from '../support/programs.ts';

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

describe('the log of a service', () => {
  it('is cut to its limit where busybox has no stat, as in Buildroot', () => {
    const log = join(directory, 'daemon-profile.log');
    writeFileSync(log, 'x'.repeat(3000));
    const script = '. "$1"; error_log=$2; trim_log';
    const { stderr } = spawnSync('/bin/sh', ['-c', script, 'sh', library, log], {
      env: {
        PATH: onlyPrograms(join(directory, 'bin'), 'tail', 'wc'),
        RC_SVCNAME: 'service',
        daemon: 'daemon-profile',
        command_user: 'nobody',
        log_limit_kib: '1',
      },
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    assert.deepEqual([statSync(log).size, statSync(`${log}.1`).size], [0, 1024]);
  });
});

describe('what is said of a crash loop', () => {
  /** What a watcher says that waited beside a supervisor, which has ended; `meanwhile` happened before it looked. */
  function said(meanwhile: string): string {
    const script = `
      . "$1"; supervision=$2
      given_up() { true; }
      announce() { echo "$1"; }
      rm -f "$supervision"; mkfifo "$supervision"
      exec 8<> "$supervision"; exec 7> "$supervision"; exec 8< "$supervision"
      ${meanwhile}
      exec 7>&-; watch_supervisor`;
    const { stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', library, join(directory, 'supervised')], {
      env: { PATH: process.env['PATH'], RC_SVCNAME: 'service', daemon: 'daemon-secrets', command_user: 'nobody' },
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    return stdout;
  }

  it('is that the daemon is not started again, and its last words', () => {
    assert.match(said(''), /^daemon-secrets ended too often.*\nits last words: /);
  });

  it('is nothing when it was stopped, whatever became of the start after that', () => {
    assert.equal(said('rm "$supervision"'), '');
    assert.equal(said('mv "$supervision" "$supervision.old"; mkfifo "$supervision"'), '');
  });
});
