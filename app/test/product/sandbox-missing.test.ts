// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type DaemonName, Device, hasProgram } from '../support/device.ts';
import { withoutSystemCall } from '../support/without-system-call.ts';

const { ENOSYS, EOPNOTSUPP } = constants.errno;
const landlockCreateRuleset = 444;
const seccomp = process.arch === 'arm64' ? 277 : 317;
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];

const programs = join(import.meta.dirname, '../../../dist/bin');
const devices: Device[] = [];
after(() => Promise.all(devices.map((device) => device.dispose())));

function deviceWith(configuration: string, through?: () => string[]): Device {
  const device = new Device(configuration, through === undefined ? {} : { through });
  devices.push(device);
  return device;
}

async function confinements(device: Device) {
  const { daemons: reported } = JSON.parse((await device.must(['status', '--json'])).toString());
  return reported.map(({ sandbox }: { sandbox: Record<string, { state: string }> }) => [
    sandbox['landlock']?.state,
    sandbox['seccomp']?.state,
  ]);
}

/** A device that works, whatever the sandbox. */
async function serve(device: Device): Promise<void> {
  await device.start();
  await device.initialise();
  await device.must(['secret', 'set', '-p', 'device', 'name'], 'value');
}

for (const { kernel, through, mechanism, cause, expected } of [
  {
    kernel: 'without Landlock',
    through: () => withoutSystemCall(landlockCreateRuleset, ENOSYS),
    mechanism: 'landlock',
    cause: /Landlock/,
    expected: ['missing', 'enforced'],
  },
  {
    kernel: 'that was booted without Landlock',
    through: () => withoutSystemCall(landlockCreateRuleset, EOPNOTSUPP),
    mechanism: 'landlock',
    cause: /not switched on at boot[\s\S]*CONFIG_LSM/,
    expected: ['missing', 'enforced'],
  },
  {
    kernel: 'without seccomp',
    through: () => withoutSystemCall(seccomp, ENOSYS),
    mechanism: 'seccomp',
    cause: /CONFIG_SECCOMP/,
    expected: ['enforced', 'missing'],
  },
] as const) {
  describe(`on a kernel ${kernel}`, () => {
    it('the daemons serve and say at ERROR what is missing, and so do status and doctor', async () => {
      const device = deviceWith('', through);
      await serve(device);
      for (const name of daemons) {
        const line = device
          .log(name)
          .split('\n')
          .find((text) => text.includes(`not confined by ${mechanism}`));
        assert.match(line ?? '', / error /);
        assert.match(line ?? '', cause);
      }
      assert.deepEqual(await confinements(device), [expected, expected]);
      assert.match((await device.sesame(['status'])).stderr, new RegExp(`ERROR: daemon-profile is not confined by ${mechanism}`));
      const doctor = (await device.sesame(['status', '--doctor'])).stdout.toString();
      assert.match(doctor, new RegExp(`warn +daemon-secrets/${mechanism} `));
      assert.match(doctor, cause);
    });

    it('a daemon does not start when the configuration requires it', async () => {
      const device = deviceWith(`[global.sandbox]\nrequire = ["${mechanism}"]\n`, through);
      const [code] = await once(device.launch('daemon-profile'), 'exit');
      assert.equal(code, 14);
      assert.match(device.log('daemon-profile'), new RegExp(`without ${mechanism}, which global\\.sandbox\\.require demands`));
      assert.match(device.log('daemon-profile'), cause);
    });
  });
}

describe('on a kernel without memfd_secret', () => {
  it('the sandbox has room for the fallback', async () => {
    const memfdSecret = 447;
    const device = deviceWith('', () => withoutSystemCall(memfdSecret, ENOSYS));
    await serve(device);
    const { daemons: reported } = JSON.parse((await device.must(['status', '--json'])).toString());
    const seen = reported.map(({ secret_memory, sandbox }: { secret_memory: object; sandbox: object }) =>
      JSON.stringify([secret_memory, sandbox]),
    );
    for (const text of seen) assert.match(text, /"mlock".*"enforced".*"enforced"/);
  });
});

describe('a sandbox that is there', () => {
  it('satisfies a configuration that requires all of it, holds on every thread, and is in status and doctor', async () => {
    const device = deviceWith('[global.sandbox]\nrequire = ["landlock", "seccomp"]\n');
    await serve(device);
    assert.deepEqual(await confinements(device), [
      ['enforced', 'enforced'],
      ['enforced', 'enforced'],
    ]);
    for (const name of daemons) {
      const tasks = readdirSync(`/proc/${device.pid(name)}/task`);
      assert.ok(tasks.length > 1);
      for (const task of tasks) {
        const status = readFileSync(`/proc/${device.pid(name)}/task/${task}/status`, 'utf8');
        assert.match(status, /^NoNewPrivs:\s1$/m);
        assert.match(status, /^Seccomp:\s2$/m);
        assert.match(status, /^Seccomp_filters:\s2$/m);
      }
    }
    assert.match((await device.sesame(['status'])).stdout.toString(), /daemon-secrets .* landlock, seccomp$/m);
    const doctor = (await device.sesame(['status', '--doctor'])).stdout.toString();
    assert.match(doctor, /pass +daemon-secrets\/landlock/);
    assert.match(doctor, /pass +daemon-profile\/seccomp/);
  });

  it('is missing in a daemon that was started without its launcher, and is required there too', async () => {
    const device = deviceWith('[global.sandbox]\nrequire = ["seccomp"]\n');
    const [code] = await once(device.launchBare('daemon-profile', { PDS_SANDBOX: '{"seccomp":{"state":"enforced"}}' }), 'exit');
    assert.equal(code, 14);
    assert.match(device.log('daemon-profile'), /started without its sandbox; start it as bin\/daemon-profile/);
  });
});

describe('a sandbox that is switched off', () => {
  it('is said at WARN, in status and in doctor', async () => {
    const device = deviceWith('[global.sandbox]\nenabled = false\n');
    await serve(device);
    assert.match(device.log('daemon-profile'), / warn .*not confined by landlock: it is switched off/);
    assert.deepEqual(await confinements(device), [
      ['off', 'off'],
      ['off', 'off'],
    ]);
    assert.match((await device.sesame(['status', '--doctor'])).stdout.toString(), /warn +daemon-profile\/landlock/);
  });

  it('does not go with one that is required', async () => {
    const device = deviceWith('[global.sandbox]\nenabled = false\nrequire = ["landlock"]\n');
    const [code] = await once(device.launch('daemon-secrets'), 'exit');
    assert.equal(code, 14);
  });
});

describe('the environment of a starter', () => {
  it('changes nothing in a daemon', async () => {
    const device = deviceWith('');
    const hostile = {
      NODE_OPTIONS: '--inspect=127.0.0.1:0 --require /no/such/file',
      NODE_PATH: '/tmp',
      NODE_EXTRA_CA_CERTS: '/no/such/file',
      LD_PRELOAD: '',
      OPENSSL_CONF: '/no/such/file',
      UV_THREADPOOL_SIZE: '9',
    };
    for (const name of daemons) device.launch(name, hostile);
    await device.answers();
    for (const name of daemons) {
      const environment = readFileSync(`/proc/${device.pid(name)}/environ`, 'utf8').split('\0');
      // glibc cuts GLIBC_TUNABLES to pieces where it stands.
      const names = environment.map((entry) => entry.split('=')[0] ?? '').filter((entry) => /^[A-Z]/.test(entry));
      assert.deepEqual(names.sort(), [
        'GLIBC_TUNABLES',
        'PDS_CONFIG_DIR',
        'PDS_RUNTIME_DIR',
        'PDS_SANDBOX',
        'PDS_STATE_DIR',
        'UV_THREADPOOL_SIZE',
      ]);
      assert.doesNotMatch(device.log(name), /Debugger listening|no such file/i);
    }
  });

  it('does not keep a daemon in its session', async () => {
    const device = deviceWith('');
    await device.start();
    for (const name of daemons) {
      const [, session = ''] = /^.*\) \S (?:\S+ ){2}(\d+)/.exec(readFileSync(`/proc/${device.pid(name)}/stat`, 'utf8')) ?? [];
      assert.equal(Number(session), device.pid(name), 'the leader of its session');
    }
  });
});

describe('sesame', { skip: !hasProgram('strace') && 'install the Debian package strace' }, () => {
  it('gives up new privileges and files before it opens the bus, unless it becomes the program of somebody else', async () => {
    const device = deviceWith('');
    await serve(device);
    const calls = (...words: string[]) => {
      const traced = ['strace', '-f', '-e', 'trace=prctl,landlock_restrict_self,connect', join(programs, 'sesame'), ...words];
      const [program = '', ...rest] = traced;
      return spawnSync(program, rest, { env: device.environment, encoding: 'utf8' }).stderr;
    };
    assert.match(calls('status'), /PR_SET_NO_NEW_PRIVS, 1[\s\S]*landlock_restrict_self\(\d+, 0\) += 0[\s\S]*bus\.sock/);
    assert.doesNotMatch(calls('env', '-p', 'device', '--', 'true'), /PR_SET_NO_NEW_PRIVS|landlock/);
  });
});
