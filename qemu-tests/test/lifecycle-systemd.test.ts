// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { person, systemd } from '../build/systemd.ts';
import { type Device, password } from '../harness/device.ts';
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

  it('give a unit its secret by LoadCredential=, and start none that is refused', async () => {
    await device().configure(credentials);
    // Whether somebody listens for credentials is settled at the start.
    await device().must(device().control.restart('open-sesame-profile'));
    await device().eventually('both daemons answer', 'sesame status', 120_000);
    // Where this test runs alone there is no vault yet; otherwise one that may be open.
    await device().run('sesame init -p device --factor password --password-stdin --no-recovery-key', `${password}\n`);
    await device().run('sesame unlock -p device --password-stdin', `${password}\n`);
    await device().must('sesame secret set -p device mqtt/password', 'correct horse');
    for (const name of ['bridge', 'stranger'])
      await device().must(`cat > /run/systemd/system/${name}.service`, unitWithCredential(name));
    await device().must('systemctl daemon-reload; systemctl start bridge');
    assert.equal(await device().must('cat /run/credential-of-bridge'), 'correct horse');
    assert.notEqual((await device().run('systemctl start stranger')).code, 0);
    const failedAtCredentials = 243; // systemd.exec(5), EXIT_CREDENTIALS
    assert.equal(await device().must('systemctl show -p ExecMainStatus stranger'), `ExecMainStatus=${failedAtCredentials}\n`);
    assert.equal((await device().run('cat /run/credential-of-stranger')).code, 1);
    assert.match(await device().daemonLogs(), /stranger\.service.* is not given the credential/);
  });
}

const credentials = `
[clients.bridge]
unit = "bridge.service"
credentials = { "mqtt.password" = "mqtt/password" }
credentials_profile = "device"
[profiles.device.secrets.access]
bridge = ["mqtt/*"]
`;

const unitWithCredential = (name: string): string => `[Service]
Type=oneshot
LoadCredential=mqtt.password:/run/pds/credentials.sock
ExecStart=/bin/busybox cp %d/mqtt.password /run/credential-of-${name}
`;
