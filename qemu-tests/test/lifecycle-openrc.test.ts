// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openrc } from '../build/openrc.ts';
import type { Device } from '../harness/device.ts';
import { describeLifecycle } from './lifecycle.ts';

describeLifecycle({
  init: openrc,
  lockLimit: 8 * 1024 * 1024,
  hangs: /open-sesame-\w+: daemon-\w+ has been silent for \d+ s: it hangs and is started again/,
  noUser: /pds-secrets[\s\S]*open-sesame-secrets failed to start/,
  givenUp: /open-sesame-profile: daemon-profile ended too often and is not started again/,
  more: ownWordsOfOpenrc,
});

function ownWordsOfOpenrc(device: () => Device): void {
  it('say nothing of a crash loop when a start failed after a stop', async () => {
    assert.doesNotMatch(await device().must(device().control.messages('open-sesame-secrets')), /ended too often/);
  });

  it('have their messages within two files of 64 KiB', async () => {
    const log = '/run/open-sesame/log/daemon-secrets.log';
    await device().must(`head -c 300000 /dev/urandom | base64 >> ${log}`);
    await device().eventually('it is cut', `[ $(cat ${log}* | wc -c) -le 131072 ]`, 120_000);
  });
}
