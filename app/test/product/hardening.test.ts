// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DaemonName, Device } from '../support/device.ts';
import { programsForAll } from '../support/other-user.ts';

const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const root = process.getuid?.() === 0;
const none = '0000000000000000';

/** The text of proc_pid_status(5) of each thread. */
function threads(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((task) => readFileSync(join(tasks, task, 'status'), 'utf8'));
}

function capabilitySets(status: string): Record<string, string> {
  return Object.fromEntries(
    [...status.matchAll(/^(Cap\w+):\s*([0-9a-f]+)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

describe('a daemon whose starter left files open', () => {
  const home = mkdtempSync(join(tmpdir(), 'open-sesame-test-'));
  const left = join(home, 'left-open');
  const starter = ['sh', '-c', `exec 5<>"${left}" 9</etc/passwd; umask 0; exec "$0" "$@"`];
  const device = new Device('', { home, through: () => starter });
  before(() => device.start());
  after(() => device.dispose());

  for (const name of daemons) {
    it(`has none of them: ${name}`, () => {
      const directory = `/proc/${device.pid(name)}/fd`;
      const open = readdirSync(directory).map((descriptor) => readlinkSync(join(directory, descriptor)));
      assert.deepEqual(
        open.filter((path) => path === left || path === '/etc/passwd'),
        [],
      );
      assert.ok(open.length > 3, 'its own are seen');
    });

    it(`makes files for its user alone, whatever the umask was: ${name}`, () => {
      assert.match(readFileSync(`/proc/${device.pid(name)}/status`, 'utf8'), /^Umask:\s*0077$/m);
    });
  }
});

describe('the capabilities of a daemon', { skip: !root && 'they are given by root' }, () => {
  /** The sets of every thread of both daemons, each combination once. */
  const setsOf = async (device: Device): Promise<Record<string, string>[]> => {
    try {
      await device.start();
      await device.initialise();
      const seen = daemons.flatMap((name) => threads(device.pid(name)).map(capabilitySets));
      return [...new Map(seen.map((sets) => [JSON.stringify(sets), sets])).values()];
    } finally {
      await device.dispose();
    }
  };

  it('are none where root starts it, and none can come back', async () => {
    assert.deepEqual(await setsOf(new Device()), [{ CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none }]);
  });

  it('are none where an ordinary user was given some to hand on', async () => {
    const home = mkdtempSync(join(tmpdir(), 'open-sesame-test-'));
    const programs = join(programsForAll({ home }), 'bin');
    const gifts = [
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      '--inh-caps=+sys_ptrace',
      '--ambient-caps=+sys_ptrace',
    ];
    const device = new Device('', { home, programs, through: () => gifts });
    for (const path of ['', 'etc', 'state', 'run']) chownSync(join(home, path), 65_534, 65_534);
    const [sets, ...others] = await setsOf(device);
    assert.deepEqual(others, []);
    assert.deepEqual({ ...sets, CapBnd: none }, { CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none });
  });

  it('are for root that of passing by modes, where directories are those of another user', async () => {
    const device = new Device();
    chownSync(device.stateDirectory, 65_534, 65_534);
    const override = '0000000000000002';
    assert.deepEqual(await setsOf(device), [
      { CapInh: none, CapPrm: override, CapEff: override, CapBnd: override, CapAmb: none },
    ]);
  });
});
