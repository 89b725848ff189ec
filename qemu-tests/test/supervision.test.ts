// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Device } from '../harness/device.ts';
import { pidScript, type Service } from '../harness/memory.ts';
import { readyDevice, readySecret } from '../harness/ready-device.ts';

/** A crashed daemon is to be back within this, in s; reported, since an emulated device on a shared machine has no seconds of its own. */
const backWithin = 3;

/** hung_after, healthcheck_timer and the second look of the service files, and a start. */
const hungWithin = 12 + 10 + 6 + backWithin;

/** Beyond this it did not come back by what brings it back here, however busy the machine is; in s. */
const tooLate = 120;

const services: readonly Service[] = ['open-sesame-profile', 'open-sesame-secrets'];

/** Seconds by the device's own clock from a signal to the first heartbeat of another process. */
function recovery(service: Service, signal: string): string {
  return `${pidScript(service)}; old=$pid; from=$(cut -d ' ' -f 1 /proc/uptime); kill -${signal} $old
    while ${pidScript(service)}; [ -z "$pid" ] || [ "$pid" = "$old" ]; do sleep 0.1; done
    echo $from $1`;
}

function seconds(text: string): number {
  const [from = Number.NaN, to = Number.NaN] = text.trim().split(' ').map(Number);
  return to - from;
}

const readSecret = `sesame secret get -p device ${readySecret.name}`;

describe('the supervision of the daemons', () => {
  let device: Device;
  before(async () => {
    device = await readyDevice('supervision');
  });
  after(() => device.dispose());

  for (const service of services) {
    it(`has ${service} back after a crash`, async (context) => {
      const took = seconds(await device.must(recovery(service, 'KILL')));
      const slowdown = (await device.slowdown()).toFixed(1);
      context.diagnostic(
        `${service} was ready ${took.toFixed(1)} s after the crash; ${backWithin} s are allowed, the machine is ${slowdown} times slower than a quiet one`,
      );
      assert.ok(took <= tooLate, `${took} s`);
      await device.must('sesame status --json');
    });
  }

  it('leaves the vaults open when daemon-profile crashes, and locked when daemon-secrets does', async () => {
    await device.unlock();
    await device.must(recovery('open-sesame-profile', 'KILL'));
    await device.eventually('the vault is still open', readSecret, 60_000);
    await device.must(recovery('open-sesame-secrets', 'KILL'));
    await device.eventually('the vault is locked', `${readSecret}; [ $? = 4 ]`, 60_000);
  });

  it('starts a daemon again when it hangs, within its health check period, and says so on the console', async (context) => {
    const scripts = services.map((service, index) => `(${recovery(service, 'STOP')}) > /tmp/recovery${index} &`).join('\n');
    const times = await device.must(`${scripts}\nwait; cat /tmp/recovery*`, '', tooLate * 2_000);
    for (const [index, service] of services.entries()) {
      const took = seconds(times.trim().split('\n')[index] ?? '');
      context.diagnostic(`${service} was ready ${took.toFixed(1)} s after it was stopped; ${hungWithin} s are allowed`);
      assert.ok(took <= tooLate, `${took} s`);
      assert.match(
        device.console,
        new RegExp(`${service}: daemon-\\w+ has been silent for \\d+ s: it hangs and is started again`),
      );
    }
  });

  it('ends a crash loop with a message on the console instead of a spin, and starts again when it is told to', async () => {
    await device.must('rc-service open-sesame-profile restart');
    await device.must(
      `echo 'x' > /run/not-a-directory; mount -o bind /run/not-a-directory /usr/lib/open-sesame/lib/daemon-profile.cjs`,
    );
    await device.must(`${pidScript('open-sesame-profile')}; kill -KILL $pid`);
    await device.eventually(
      'the service has failed',
      'rc-service open-sesame-profile status; [ -e /run/openrc/failed/open-sesame-profile ]',
      180_000,
    );
    await device.eventually('nothing of it runs', '! ps | grep -q "[d]aemon-profile.cjs"', 60_000);
    assert.match(device.console, /open-sesame-profile: daemon-profile ended too often and is not started again/);
    await device.must('umount /usr/lib/open-sesame/lib/daemon-profile.cjs; rc-service open-sesame-profile start');
    await device.must('sesame status --json');
  });

  it('keeps the messages of a daemon within two files of 64 KiB', async () => {
    const log = '/run/open-sesame/log/daemon-secrets.log';
    await device.must(`head -c 300000 /dev/urandom | base64 >> ${log}`);
    await device.eventually('it is cut', `[ $(cat ${log}* | wc -c) -le 131072 ]`, 120_000);
  });
});
