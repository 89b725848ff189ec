// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { person, systemd } from '../build/systemd.ts';
import type { Device } from '../harness/device.ts';
import { daemonMemory } from '../harness/memory.ts';
import { describeLifecycle } from './lifecycle.ts';

const megabyte = 1024 * 1024;

/** Runs a program as a person whose manager of services runs. */
const asPerson = (program: string, words: string): string =>
  `HOME=${person.home} XDG_RUNTIME_DIR=/run/user/${person.uid} busybox start-stop-daemon -S -c ${person.name}:${person.name} -x ${program} -- ${words}`;

describeLifecycle({
  init: systemd,
  lockLimit: 16 * megabyte,
  hangs: /Watchdog timeout/,
  givenUp: /Start request repeated too quickly/,
  noUser: /Failed to determine user credentials|status=217\/USER/,
  silentConsole: true,
  more: ownWordsOfSystemd,
});

function ownWordsOfSystemd(device: () => Device): void {
  it('have other limits after `systemctl edit`', async () => {
    const places = '/run/systemd/system/open-sesame-secrets.service.d';
    await device().must(`mkdir -p ${places}; cat > ${places}/override.conf`, '[Service]\nLimitMEMLOCK=8M\nMemoryMax=96M\n');
    await device().must('systemctl daemon-reload; systemctl restart open-sesame-secrets');
    const { max, lockLimit } = await daemonMemory(device(), 'open-sesame-secrets');
    assert.deepEqual([max, lockLimit], [96 * megabyte, 8 * megabyte]);
  });

  it('serve a person of its own with the limits of the units for users', async () => {
    await device().must(`mkdir -p ${person.home}; chown ${person.uid}:${person.uid} ${person.home}; systemctl start person`);
    await device().must(asPerson('/bin/systemctl', '--user start open-sesame-profile open-sesame-secrets'));
    await device().must(asPerson('/usr/bin/sesame', 'status'));
    const memory = await device().must(
      asPerson('/bin/systemctl', '--user show -p MemoryMax -p LimitMEMLOCK -p NRestarts open-sesame-secrets'),
    );
    assert.deepEqual(
      new Set(memory.trim().split('\n')),
      new Set([`MemoryMax=${64 * megabyte}`, `LimitMEMLOCK=${16 * megabyte}`, 'NRestarts=0']),
    );
    const group = `/sys/fs/cgroup/system.slice/person.service/app.slice/open-sesame-secrets.service/memory.max`;
    assert.equal(await device().must(`cat ${group}`), `${64 * megabyte}\n`);
  });
}
