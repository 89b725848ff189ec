// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { outcomesMark, targetsFile } from '../../app/test/support/sandbox-tries/attack.ts';
import { otherwise, refusals } from '../../app/test/support/sandbox-tries/expected.ts';
import type { Targets } from '../../app/test/support/sandbox-tries/tries.ts';
import { runProgram } from '../build/program.ts';
import type { Device } from '../harness/device.ts';
import { readyDevice } from '../harness/ready-device.ts';

const checkout = join(import.meta.dirname, '../..');
const daemons = ['daemon-profile', 'daemon-secrets'] as const;
type Outcomes = Record<string, Record<string, number>>;

const { EAFNOSUPPORT, ENOSYS } = constants.errno;

/** What the kernel of the device was built without: these tries tell something on other machines alone. */
const notBuiltIn: Readonly<Record<string, readonly number[]>> = {
  'socket: IPv6': [EAFNOSUPPORT],
  'read memory of a process': [ENOSYS],
  bpf: [ENOSYS],
  userfaultfd: [ENOSYS],
  'keys of the kernel': [ENOSYS],
  io_uring: [ENOSYS],
};

const installed = '/usr/lib/open-sesame';
const place = '/run/probe';
const targets: Targets = {
  readable: '/etc/hostname',
  writable: `${place}/outside/file`,
  directory: `${place}/outside`,
  mountPoint: `${place}/mount`,
  pid: 0,
  abstractSocket: 'open-sesame-probe',
};

/** The daemons that try beside those of the image, with its Node, its native modules and its launchers. */
const prepare = `
mkdir -p ${place}/lib ${place}/bin ${place}/etc ${place}/state ${place}/run ${targets.directory} ${targets.mountPoint}
ln -s ${installed}/lib/node ${installed}/lib/native ${place}/lib/
cp ${installed}/lib/sandbox.cjs ${place}/lib/
cp ${installed}/bin/daemon-* ${place}/bin/
echo content >${targets.writable}
`;

/** Somebody to signal and to listen to; prints who. */
const victims = `
sleep 3600 </dev/null >/dev/null 2>&1 & echo $!
${installed}/lib/node -e 'require("node:net").createServer((s) => s.destroy()).listen("\\0${targets.abstractSocket}")' </dev/null >/dev/null 2>&1 &
`;

const launch = (name: string) => `
export PDS_CONFIG_DIR=${place}/etc PDS_STATE_DIR=${place}/state PDS_RUNTIME_DIR=${place}/run
sh ${place}/bin/${name} </dev/null >/dev/null 2>${place}/${name}.log & echo $! >${place}/${name}.pid
`;

describe('on aarch64, the sandbox', () => {
  const out = mkdtempSync(join(tmpdir(), 'open-sesame-probe-'));
  let device: Device;

  before(async () => {
    const probes = join(checkout, 'app/test/product/sandbox-probe');
    const words = ['tools/build.mjs', '--architecture', 'arm64', '--release', '--out', out, '--programs', probes];
    await runProgram(process.execPath, words, { directory: checkout });
    device = await readyDevice('sandbox');
    await device.must(prepare);
    for (const name of daemons) await device.must(`cat >${place}/lib/${name}.cjs`, readFileSync(join(out, `lib/${name}.cjs`)));
    const pid = Number(await device.must(victims));
    await device.must(`cat >${place}/run/${targetsFile}`, JSON.stringify({ ...targets, pid }));
  });

  after(async () => {
    await device.dispose();
    rmSync(out, { recursive: true, force: true });
  });

  /** What came of the tries, by daemon and thread and try: 0 or an errno. */
  async function outcomes(configuration: string): Promise<Outcomes> {
    await device.must(`cat >${place}/etc/config.toml`, configuration);
    const found: Outcomes = {};
    for (const name of daemons) await device.must(launch(name));
    for (const name of daemons) {
      const log = `${place}/${name}.log`;
      await device.eventually(`${name} is ready`, `grep -q ' ready ' ${log}`, 120_000);
      await device.must(`kill -USR2 $(cat ${place}/${name}.pid)`);
      await device.eventually('the tries are over', `grep -q '${outcomesMark}' ${log}`, 120_000);
      const line = (await device.must(`grep '${outcomesMark}' ${log}`)).trim().slice(outcomesMark.length);
      assert.match(line, /^\{/);
      const threads: Outcomes = JSON.parse(line);
      for (const [thread, tried] of Object.entries(threads)) found[`${name}, ${thread}`] = tried;
    }
    for (const name of daemons) await device.must(`kill $(cat ${place}/${name}.pid); rm ${place}/${name}.*`);
    await device.run(`for each in 1 2 3 4; do umount ${targets.mountPoint}; done`);
    return found;
  }

  it('refuses both daemons everything outside their tables, on every thread', async () => {
    const all = await outcomes('[global.sandbox]\nrequire = ["landlock", "seccomp"]\n');
    assert.equal(Object.keys(all).length, 4);
    for (const [thread, tried] of Object.entries(all)) {
      assert.deepEqual(
        Object.entries(tried).filter(([, errno]) => !refusals.includes(errno)),
        [],
        thread,
      );
    }
  });

  it('is what refuses them: without it the same tries succeed', async () => {
    for (const [thread, tried] of Object.entries(await outcomes('[global.sandbox]\nenabled = false\n'))) {
      assert.deepEqual(
        Object.entries(tried).filter(([attempt, errno]) => !(notBuiltIn[attempt] ?? otherwise[attempt] ?? [0]).includes(errno)),
        [],
        thread,
      );
    }
  });
});
