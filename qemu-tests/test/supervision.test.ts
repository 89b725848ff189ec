// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Device } from '../harness/device.ts';
import { pidScript, type Service } from '../harness/memory.ts';

/** What the issue allows a crashed daemon, in seconds. */
const backWithin = 3;

/** hung_after, healthcheck_timer and the second look of the service files, and a start. */
const hungWithin = 12 + 10 + 6 + backWithin;

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

describe('the supervision of the daemons', () => {
  let device: Device;
  before(async () => {
    device = await Device.create('supervision');
    await device.boot();
    await device.initialise();
    await device.must('sesame secret set -p device a', 'value');
  });
  after(() => device.dispose());

  for (const service of services) {
    it(`has ${service} back ${backWithin} s after a crash`, async (context) => {
      const limit = backWithin * (await device.slowdown());
      const took = seconds(await device.must(recovery(service, 'KILL')));
      context.diagnostic(`${service} was ready ${took.toFixed(1)} s after the crash; the limit is ${limit.toFixed(1)} s`);
      assert.ok(took <= limit, `${took} s`);
      await device.must('sesame status --json');
    });
  }

  it('leaves the vaults open when daemon-profile crashes, and locked when daemon-secrets does', async () => {
    await device.unlock();
    await device.must(recovery('open-sesame-profile', 'KILL'));
    await device.eventually('the vault is still open', 'sesame secret get -p device a', 10_000);
    await device.must(recovery('open-sesame-secrets', 'KILL'));
    await device.eventually('the vault is locked', 'sesame secret get -p device a; [ $? = 4 ]', 10_000);
  });

  for (const service of services) {
    it(`starts ${service} again when it hangs, within its health check period, and says so on the console`, async (context) => {
      const limit = hungWithin * (await device.slowdown());
      const took = seconds(await device.must(recovery(service, 'STOP')));
      context.diagnostic(`${service} was ready ${took.toFixed(1)} s after it was stopped; the limit is ${limit.toFixed(1)} s`);
      assert.ok(took <= limit, `${took} s`);
      assert.match(
        device.console,
        new RegExp(`${service}: daemon-\\w+ has been silent for \\d+ s: it hangs and is started again`),
      );
    });
  }

  it('ends a crash loop with a message on the console instead of a spin, and starts again when it is told to', async () => {
    await device.must('rc-service open-sesame-profile restart');
    await device.must(
      `echo 'x' > /run/not-a-directory; mount -o bind /run/not-a-directory /usr/lib/open-sesame/lib/daemon-profile.cjs`,
    );
    await device.must(`${pidScript('open-sesame-profile')}; kill -KILL $pid`);
    await device.eventually(
      'the service has failed',
      'rc-service open-sesame-profile status; [ -e /run/openrc/failed/open-sesame-profile ]',
      60_000,
    );
    await device.eventually('nothing of it runs', '! ps | grep -q "[d]aemon-profile.cjs"', 5_000);
    assert.match(device.console, /open-sesame-profile: daemon-profile ended too often and is not started again/);
    await device.must('umount /usr/lib/open-sesame/lib/daemon-profile.cjs; rc-service open-sesame-profile start');
    await device.must('sesame status --json');
  });

  it('keeps the messages of a daemon within two files of 64 KiB', async () => {
    const log = '/run/open-sesame/log/daemon-secrets.log';
    await device.must(`head -c 300000 /dev/urandom | base64 >> ${log}`);
    await device.eventually('it is cut', `[ $(cat ${log}* | wc -c) -le 131072 ]`, 30_000);
  });
});
