// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { chosenDevice } from '../build/device.ts';
import type { InitSystem } from '../build/init-system.ts';
import { Device } from '../harness/device.ts';
import { daemonMemory, type Service, services } from '../harness/memory.ts';
import type { ServiceControl } from '../harness/service-control.ts';

const megabyte = 1024 * 1024;
const [profile, secrets] = services;

/** Exit codes of commands. */
const locked = 4;
const unreachable = 13;

/** Beyond this a daemon did not come back by what brings it back here, however busy the machine is; in s. */
const tooLate = 180;

/** A crashed daemon is to be back within this, in s. */
const backWithin = 3;

/** A hung one: hung_after, the time between two looks, the second look, and a start. */
const hungWithin = 12 + 10 + 6 + backWithin;

export interface Lifecycle {
  readonly init: InitSystem;
  /** RLIMIT_MEMLOCK of the daemons, in bytes. */
  readonly lockLimit: number;
  /** What is said about a daemon that hangs, and about a crash loop: among its messages and on the console. */
  readonly hangs: RegExp;
  readonly givenUp: RegExp;
  /** What is said when the user of daemon-secrets does not exist: by the command that starts it, or among its messages. */
  readonly noUser: RegExp;
  /** Whose services make their control groups themselves. */
  readonly ownGroups?: boolean;
  /** What else this init system has to show, on the same device. */
  readonly more?: (device: () => Device) => void;
  /** systemd says nothing there while the boot is a quiet one. */
  readonly silentConsole?: boolean;
}

/** Memory, locked memory, users and rights of both daemons. */
export async function requireLimits(device: Device, lockLimit: number): Promise<void> {
  for (const [service, uid, limit] of [
    [profile, 900, 32],
    [secrets, 901, 64],
  ] as const) {
    const pid = device.control.pid(service);
    const memory = await daemonMemory(device, service);
    assert.deepEqual([memory.max, memory.lockLimit, memory.oomKills], [limit * megabyte, lockLimit, 0]);
    const group = `/sys/fs/cgroup/${device.control.controlGroup(service)}`;
    await device.must(`${pid}; grep -x $pid ${group}/cgroup.procs`);
    assert.match(await device.must(`cat ${group}/memory.swap.max 2> /dev/null || echo 0`), /^0$/m);
    const rights = await device.must(`${pid}; grep -E '^(Uid|CapEff|NoNewPrivs):' /proc/$pid/status`);
    assert.match(rights, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t.*\\nCapEff:\\t0{16}\\nNoNewPrivs:\\t1\\n$`));
  }
}

/** From the start of the device to an update of its programs, as each init system has to do it. */
export function describeLifecycle({
  init,
  lockLimit,
  hangs,
  givenUp,
  noUser,
  ownGroups = false,
  more,
  silentConsole = false,
}: Lifecycle): void {
  describe(`the daemons under ${init.name}`, () => {
    let device: Device;
    let control: ServiceControl;
    before(async () => {
      device = await Device.create(
        `lifecycle ${init.name}`,
        await chosenDevice((text) => process.stderr.write(`${text}\n`), init),
      );
      await device.boot();
      control = device.control;
    });
    after(() => device.dispose());

    async function requireWord(service: Service, word: RegExp): Promise<void> {
      assert.match(await device.must(control.messages(service)), word);
      if (!silentConsole) await device.shows(word);
    }

    /**
     * Ends daemons at the same time and waits for others that answer; how long each took by the device's clock, which is said beside what the
     * design allows: an emulated device on a shared machine has no seconds of its own.
     */
    async function recover(context: TestContext, signal: string, allowedSeconds: number, ...names: Service[]): Promise<void> {
      const scripts = names.map(
        (service) => `(
          ${control.pid(service)}; old=$pid; from=$(cut -d ' ' -f 1 /proc/uptime); kill -${signal} $old
          until ${control.pid(service)}; [ -n "$pid" ] && [ "$pid" != "$old" ]; do
            now=$(cut -d . -f 1 /proc/uptime)
            [ $((now - \${from%.*})) -le ${tooLate} ] || exit
            sleep 0.2
          done
          echo $from $(cut -d ' ' -f 1 /proc/uptime) > /tmp/recovery-${service}
        ) &`,
      );
      await device.must(`rm -f /tmp/recovery-*\n${scripts.join('\n')}\nwait`, '', 2 * tooLate * 1000);
      const slowdown = (await device.slowdown()).toFixed(1);
      for (const service of names) {
        const [from = Number.NaN, to = Number.NaN] = (await device.must(`cat /tmp/recovery-${service}`)).split(' ').map(Number);
        const seconds = (to - from).toFixed(1);
        context.diagnostic(
          `${service}: ${seconds} s; ${allowedSeconds} s are allowed on a quiet machine, and this one is ${slowdown} times slower`,
        );
      }
    }

    /** Starts a daemon again, which may fail, and returns what was said until a word of it was, or the command has ended. */
    async function startAside(service: Service, word: RegExp): Promise<string> {
      await device.must(`rm -f /tmp/ended; (${control.restart(service)}; : > /tmp/ended) > /tmp/said 2>&1 &`);
      const deadline = performance.now() + tooLate * 1000;
      for (;;) {
        // Looked at first: what was said by the time of the end is read after it.
        const said = await device.must(
          `ended=$(ls /tmp/ended 2> /dev/null); cat /tmp/said; ${control.messages(service)}; echo $ended`,
        );
        if (word.test(said) || said.includes('/tmp/ended')) return said;
        assert.ok(performance.now() < deadline, said);
        await wait(500);
      }
    }

    it('answer when what waits for them is started', async () => {
      await device.must('sesame status');
    });

    it('have the limits that their settings say, and no more rights than they need', async () => {
      await requireLimits(device, lockLimit);
    });

    it('serve a secret', async () => {
      await device.initialise();
      await device.must('sesame secret set -p device name', 'value');
      assert.equal(await device.must('sesame secret get -p device name'), 'value');
    });

    it('come back after a crash: the vaults stay open when it was daemon-profile, and are locked when it was daemon-secrets', async (context) => {
      await recover(context, 'KILL', backWithin, profile);
      await device.eventually('the vault is open', 'sesame secret get -p device name', 60_000);
      await recover(context, 'KILL', backWithin, secrets);
      await device.eventually('the vault is locked', `sesame secret get -p device name; [ $? = ${locked} ]`, 60_000);
    });

    it('are started again when they hang, which is said', async (context) => {
      await recover(context, 'STOP', hungWithin, ...services);
      for (const service of services) await requireWord(service, hangs);
      await device.eventually('both answer', 'sesame status', 60_000);
    });

    it('stay away when they are stopped', async () => {
      for (const service of [secrets, profile]) await device.must(control.stop(service));
      await device.must('sleep 4; ! ps | grep -E "[d]aemon-(profile|secrets).cjs"');
      assert.equal((await device.run('sesame status')).code, unreachable);
    });

    it('answer in whichever order they are started', async () => {
      await device.must(
        `(${control.start(secrets)}) > /tmp/started 2>&1 &
        sleep 2; ${control.start(profile)} && wait && cat /tmp/started`,
      );
      assert.equal((await device.run('sesame secret get -p device name')).code, locked);
    });

    it('are not started again for ever: a crash loop ends with a word about it, until somebody starts them', async () => {
      const bundle = '/usr/lib/open-sesame/lib/daemon-profile.cjs';
      await device.must(`echo 'nonsense' > /run/nonsense; mount -o bind /run/nonsense ${bundle}`);
      await device.must(`${control.pid(profile)}; kill -KILL $pid`);
      await device.eventually('it is given up', control.givenUp(profile), tooLate * 1000);
      await device.eventually('nothing of it runs', '! ps | grep -q "[d]aemon-profile.cjs"', 60_000);
      await requireWord(profile, givenUp);
      assert.match(await device.must(control.messages(profile)), /nonsense is not defined/);
      await device.must(`umount ${bundle}; ${control.start(profile)}`);
      await device.eventually('both answer', 'sesame status', 60_000);
    });

    it('are replaced by a newer version in place, and keep what is in the vault', async () => {
      for (const service of services) {
        const bundle = `/usr/lib/open-sesame/lib/${service.replace('open-sesame', 'daemon')}.cjs`;
        await device.must(
          `sed 's/"0\\.1\\.0"/"0.1.1"/g' ${bundle} > /run/${service}.cjs; mount -o bind /run/${service}.cjs ${bundle}`,
        );
      }
      for (const service of services) await device.must(control.restart(service));
      await device.eventually('both answer', 'sesame status', 60_000);
      assert.equal((await device.must('sesame status --json')).match(/"version": ?"0\.1\.1"/g)?.length, 2);
      await device.unlock();
      assert.equal(await device.must('sesame secret get -p device name'), 'value');
    });

    it('say what is wrong where the documentation says', async () => {
      await device.must(
        'echo "[global]\nno_such_key = 1" > /run/config.toml; mount -o bind /run/config.toml /etc/pds/config.toml',
      );
      for (const service of services) await device.must(control.reload(service));
      for (const service of services)
        await device.eventually('it is in the log', `${control.messages(service)} | grep no_such_key`, 60_000);
      await device.must('umount /etc/pds/config.toml');
    });

    it('say that a user does not exist, and leave the other daemon alone', async () => {
      await device.must('grep -v pds-secrets /etc/passwd > /run/passwd; mount -o bind /run/passwd /etc/passwd');
      const said = await startAside(secrets, noUser);
      assert.match(said, noUser);
      await device.must('sesame profile list');
      await device.must(`umount /etc/passwd; ${control.stop(secrets)}; ${control.start(secrets)}`);
      await device.eventually('both answer', 'sesame status', 60_000);
    });

    if (ownGroups) {
      it('run without a memory limit where the control groups are read-only, and say so', async () => {
        await device.must('mount -o remount,ro /sys/fs/cgroup');
        assert.match(
          await startAside(profile, /answer/),
          /daemon-profile: it runs without its memory limit: cgroup2 must be mounted/,
        );
        await device.eventually('both answer', 'sesame status', 60_000);
        await device.must(`mount -o remount,rw /sys/fs/cgroup; ${control.restart(profile)}`);
        assert.equal((await daemonMemory(device, profile)).max, 32 * megabyte);
      });
    }

    more?.(() => device);

    it('shut down with the device, which leaves a clean file system', async () => {
      await device.powerOff();
      await device.boot();
      await device.unlock();
      assert.equal(await device.must('sesame secret get -p device name'), 'value');
    });
  });
}
