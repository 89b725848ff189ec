// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DaemonName, Device } from '../support/device.ts';
import { outcomesMark, targetsFile } from '../support/sandbox-tries/attack.ts';
import { otherwise, refusals } from '../support/sandbox-tries/expected.ts';
import type { Targets } from '../support/sandbox-tries/tries.ts';

const checkout = join(import.meta.dirname, '../../..');
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const ordinaryUser = 65_534;

/** What an ordinary user may not do anyway, so that these tries tell nothing about the sandbox. */
const forRoot = [
  'socket: packet',
  'mount',
  'change the root',
  'load a kernel module',
  'load a kernel',
  'bpf',
  'a mount namespace',
  'a host name namespace',
];

type Outcomes = Record<string, Record<string, number>>;

let home: string;
let programs: string;
let victim: ChildProcess;
let listener: Server;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'open-sesame-sandbox-'));
  chmodSync(home, 0o755);
  const out = join(home, 'dist');
  const probes = join(import.meta.dirname, 'sandbox-probe');
  const { status, stderr } = spawnSync(process.execPath, ['tools/build.mjs', '--out', out, '--programs', probes], {
    cwd: checkout,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  programs = join(out, 'bin');
  // A checkout in somebody's home is closed to an ordinary user.
  const node = realpathSync(join(out, 'lib/node'));
  rmSync(join(out, 'lib/node'));
  copyFileSync(node, join(out, 'lib/node'));
});

after(() => rmSync(home, { recursive: true, force: true }));

for (const user of [undefined, ordinaryUser]) {
  const who = user === undefined ? 'of this user' : 'of an ordinary user';
  const skip = user !== undefined && process.getuid?.() !== 0 ? 'only root becomes another user' : false;
  describe(`the daemons ${who}`, { skip }, () => {
    let targets: Targets;
    before(async () => {
      const directory = join(home, `outside-${user}`);
      const mountPoint = join(home, `mount-${user}`);
      for (const path of [directory, mountPoint]) mkdirSync(path);
      writeFileSync(join(directory, 'file'), 'content');
      for (const path of [directory, join(directory, 'file')]) chownSync(path, user ?? 0, user ?? 0);
      victim = spawn('sleep', ['600'], user === undefined ? {} : { uid: user, gid: user });
      const name = `open-sesame-test-${process.pid}-${user}`;
      listener = createServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => listener.listen(`\0${name}`, resolve));
      targets = {
        readable: '/etc/hostname',
        writable: join(directory, 'file'),
        directory,
        mountPoint,
        pid: victim.pid ?? 0,
        abstractSocket: name,
      };
    });
    after(() => {
      victim.kill('SIGKILL');
      listener.close();
    });

    for (const name of daemons) {
      it(`${name} is refused everything outside its tables, on every thread`, async () => {
        for (const [thread, outcomes] of Object.entries(await outcomesOf(name, '', targets, user))) {
          const allowed = Object.entries(outcomes).filter(([, errno]) => !refusals.includes(errno));
          assert.deepEqual(allowed, [], thread);
        }
      });

      it(`${name} succeeds at the same with the sandbox off`, async () => {
        const off = '[global.sandbox]\nenabled = false\n';
        for (const [thread, outcomes] of Object.entries(await outcomesOf(name, off, targets, user))) {
          const refused = Object.entries(outcomes)
            .filter(([attempt]) => user === undefined || !forRoot.includes(attempt))
            .filter(([attempt, errno]) => !(otherwise[attempt] ?? [0]).includes(errno));
          assert.deepEqual(refused, [], thread);
        }
      });
    }
  });
}

/** What came of the tries, by thread and try: 0 or an errno. */
async function outcomesOf(name: DaemonName, configuration: string, targets: Targets, user?: number): Promise<Outcomes> {
  const device = new Device(configuration, { programs, ...(user === undefined ? {} : { user }) });
  try {
    await device.start();
    writeFileSync(join(device.runtimeDirectory, targetsFile), JSON.stringify(targets));
    chmodSync(join(device.runtimeDirectory, targetsFile), 0o644);
    process.kill(device.pid(name), 'SIGUSR2');
    await device.eventually('the tries are over', () => device.log(name).includes(outcomesMark), 20_000);
    await device.eventually('the line is complete', () => device.log(name).endsWith('\n'));
    const line = (device.log(name).split(outcomesMark)[1] ?? '').split('\n')[0] ?? '';
    assert.match(line, /^\{/);
    return JSON.parse(line);
  } finally {
    // Once for each thread that succeeded.
    for (let mounted = 0; mounted < 3; mounted += 1) spawnSync('umount', [targets.mountPoint]);
    await device.dispose();
  }
}
