// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hasProgram } from '../support/device.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { onlyPrograms } from '../support/programs.ts';

const library = join(import.meta.dirname, '../../init/supervision/lib');
const directory = temporaryDirectory();
const service = 'open-sesame-secrets';

/** What the scripts find instead of the device's own places. */
const places = {
  PATH: process.env['PATH'],
  service,
  library,
  settings_directory: join(directory, 'default'),
  service_directory: directory,
  cgroup_directory: join(directory, 'cgroup'),
};

/** Runs a line of shell after the library of the services was read. */
function inService(script: string, variables: NodeJS.ProcessEnv = {}, shell = 'sh') {
  return spawnSync(shell, ['-c', `for part in service prepare ends; do . "$library/$part.sh"; done; ${script}`], {
    env: { ...places, ...variables },
    encoding: 'utf8',
  });
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;
const uptime = (): number => Math.trunc(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]));

describe('the directories that the services make', () => {
  const makeDirectory = (path: string) => inService(`make_directory 0750 "${userInfo().username}" "${path}"`);

  it('have the mode that they are to have', () => {
    const path = join(directory, 'new', 'keys');
    const { status, stderr } = makeDirectory(path);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.equal(modeOf(path), 0o750);
  });

  it('are not where a symbolic link points, which a daemon may have put there', () => {
    const target = join(directory, 'target');
    const link = join(directory, 'keys');
    mkdirSync(target);
    chmodSync(target, 0o711);
    symlinkSync(target, link);
    const { status, stderr } = makeDirectory(link);
    assert.deepEqual([status, /symbolic link/.test(stderr)], [1, true], stderr);
    assert.equal(modeOf(target), 0o711);
  });

  it('are not made through a link that points nowhere', () => {
    const link = join(directory, 'dangling');
    symlinkSync(join(directory, 'absent'), link);
    assert.equal(makeDirectory(link).status, 1);
    assert.equal(existsSync(join(directory, 'absent')), false);
  });
});

describe('a service', () => {
  it('is not started for a user that does not exist, and says which', () => {
    const { status, stderr } = inService('user=nobody-of-this-name; prepare');
    assert.equal(status, 1);
    assert.match(stderr, /daemon-secrets: there is no user nobody-of-this-name/);
  });

  for (const [circumstance, files] of [
    ['there is no cgroup tree', []],
    // What cannot be written, not even by root, as under a mount that is read-only.
    ['the cgroup tree is read-only', ['cgroup.controllers', 'cgroup.subtree_control']],
  ] as const) {
    it(`runs without its memory limit where ${circumstance}, and says so`, () => {
      for (const name of files) mkdirSync(join(places.cgroup_directory, name), { recursive: true });
      const { status, stderr } = inService('limit_memory');
      assert.equal(status, 0);
      assert.match(stderr, /daemon-secrets: it runs without its memory limit: cgroup2 must be mounted for writing/);
    });
  }

  it('is given up after more than respawn_max ends in respawn_period seconds', () => {
    const ends = () => inService('ended_too_often', { respawn_max: '2', respawn_period: '60' }).status;
    assert.deepEqual([ends(), ends(), ends()], [1, 1, 0]);
  });

  it('is not given up for ends that are long past', () => {
    writeFileSync(join(directory, `${service}.ends`), `${uptime() - 100} ${uptime() - 90} ${uptime() - 80}\n`);
    assert.equal(inService('ended_too_often', { respawn_max: '2', respawn_period: '60' }).status, 1);
  });

  it('has the error for its last words, and not what Node says below it', () => {
    mkdirSync(join(directory, 'log'), { recursive: true });
    const trace =
      'x.cjs:1\n^\n\nReferenceError: x is not defined\n    at x.cjs:1:1\n\nNode.js v22.23.3\nopen-sesame-secrets: said before\n';
    writeFileSync(join(directory, 'log/daemon-secrets.log'), trace);
    assert.equal(inService('last_words').stdout, 'ReferenceError: x is not defined');
  });

  it('has its log cut to its limit where busybox has no stat, as in Buildroot', () => {
    const log = join(directory, 'log/daemon-secrets.log');
    mkdirSync(join(directory, 'log'), { recursive: true });
    writeFileSync(log, 'x'.repeat(3000));
    const PATH = onlyPrograms(join(directory, 'bin'), 'tail', 'wc');
    const { stderr } = inService('. "$library/script.sh"; trim_log', { PATH, log_limit_kib: '1' }, '/bin/sh');
    assert.equal(stderr, '');
    assert.deepEqual([statSync(log).size, statSync(`${log}.1`).size], [0, 1024]);
  });

  it('takes the lock of a process that is gone, and waits for one that is there', () => {
    const lock = join(directory, 'lock');
    symlinkSync('999999999', lock);
    const script = 'hold "$lock"; (sleep 0.5; rm "$lock") & hold "$lock"; wait; readlink "$lock"';
    const started = performance.now();
    const { stdout } = inService(script, { lock });
    assert.match(stdout, /^\d+\n$/);
    assert.ok(performance.now() - started > 400);
  });
});

/** On a device /bin/sh may be any of these. */
for (const shell of ['sh', 'bash']) {
  describe(`the health command under ${shell}`, { skip: !hasProgram(shell) && `there is no ${shell}` }, () => {
    let daemon: ChildProcess;
    const heartbeat = join(directory, `${service}.alive`);
    const pidFile = join(directory, `${service}.pid`);
    const { answers, hangs, starting, away, usage } = { answers: 0, hangs: 1, starting: 2, away: 3, usage: 64 };

    before(() => {
      // As a group of its own, so that what the shell waits for ends with it.
      daemon = spawn('sh', ['-c', 'sleep 100; : daemon-secrets'], { stdio: 'ignore', detached: true });
      writeFileSync(pidFile, `${daemon.pid}\n`);
    });
    after(() => process.kill(-Number(daemon.pid)));

    function health(words = [service], variables: NodeJS.ProcessEnv = {}) {
      const env = { ...places, ...variables };
      const { status, stderr } = spawnSync(shell, [join(library, 'health'), ...words], { env, encoding: 'utf8' });
      return { status, stderr };
    }

    it('finds that a daemon answers whose heartbeat is fresh', () => {
      writeFileSync(heartbeat, `${uptime()}.25 ${daemon.pid}   \n`);
      assert.deepEqual(health(), { status: answers, stderr: '' });
    });

    it('finds that a daemon hangs whose heartbeat is old', () => {
      writeFileSync(heartbeat, `${uptime() - 30}.25 ${daemon.pid}   \n`);
      const { status, stderr } = health();
      assert.equal(status, hangs);
      assert.match(stderr, /daemon-secrets has been silent for 3\d s/);
    });

    it('finds that a daemon starts that has had no heartbeat yet: none, one of another process, one that is none', () => {
      for (const text of ['', `${uptime()}.25 1\n`, `x ${daemon.pid}\n`]) {
        writeFileSync(heartbeat, text);
        assert.equal(health().status, starting, text);
      }
    });

    it('finds that a daemon hangs that does not get ready', () => {
      writeFileSync(heartbeat, '');
      const { status, stderr } = health([service], { ready_timeout: '-1' });
      assert.equal(status, hangs);
      assert.match(stderr, /did not get ready/);
    });

    it('runs nothing that stands in a heartbeat, which the daemon writes', () => {
      const trace = join(directory, 'trace');
      writeFileSync(heartbeat, `a[$(touch>${trace})0] ${daemon.pid}\n`);
      assert.equal(health().status, starting);
      assert.equal(existsSync(trace), false);
    });

    it('waits for a daemon that starts, as long as it is told to', () => {
      writeFileSync(heartbeat, '');
      assert.equal(health(['--wait', '1', service]).status, starting);
      const write = spawn('sh', ['-c', `sleep 0.5; echo "$(cut -d " " -f 1 /proc/uptime) ${daemon.pid}" > ${heartbeat}`]);
      assert.equal(health(['--wait', '20', service]).status, answers);
      write.kill();
    });

    it('finds that no daemon runs where its number is that of another process, of none, or missing', () => {
      for (const text of [`${process.pid}\n`, '999999999\n', '', '../1\n']) {
        writeFileSync(pidFile, text);
        assert.equal(health().status, away, text);
      }
    });

    it('refuses what it does not know', () => {
      for (const words of [[], ['nginx'], ['--wait', 'long', service], [service, 'more']])
        assert.equal(health(words).status, usage);
    });
  });
}
