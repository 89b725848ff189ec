// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type DaemonName, Device, hasProgram } from '../support/device.ts';

const devices: Device[] = [];
after(() => Promise.all(devices.map((device) => device.dispose())));

function deviceWith(...options: ConstructorParameters<typeof Device>): Device {
  const device = new Device(...options);
  devices.push(device);
  return device;
}

const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const denied = 5;

describe('a runtime directory', () => {
  const places: Readonly<Record<DaemonName, string>> = { 'daemon-profile': 'run', 'daemon-secrets': 'run/keys' };

  for (const name of daemons) {
    it(`of somebody else is refused by ${name}, with its owner and the next step`, {
      skip: process.getuid?.() !== 0 && 'only root gives a directory away',
    }, async () => {
      const device = deviceWith();
      const place = join(device.home, places[name]);
      mkdirSync(place, { recursive: true });
      chownSync(place, 61_400, 61_400);
      const [code] = await once(device.launch(name), 'exit');
      assert.equal(code, denied, device.log(name));
      assert.match(device.log(name), new RegExp(`${place} belongs to uid 61400.*make it belong to uid 0`));
      assert.ok(!existsSync(join(device.runtimeDirectory, 'bus.key')));
    });

    it(`that everybody may write is refused by ${name}`, async () => {
      const device = deviceWith();
      const place = join(device.home, places[name]);
      mkdirSync(place, { recursive: true });
      chmodSync(place, 0o777);
      const [code] = await once(device.launch(name), 'exit');
      assert.equal(code, denied, device.log(name));
      assert.match(device.log(name), /may be written by everybody/);
    });
  }
});

describe('a supervisor', () => {
  for (const address of ['/no/such/socket', '@open-sesame-nobody']) {
    it(`that is not at ${address} is missed once, and the daemons serve`, async () => {
      const device = deviceWith();
      for (const name of daemons) device.launch(name, { NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' });
      await device.answers();
      await device.initialise();
      for (const name of daemons)
        assert.equal(device.log(name).match(/warn .*the supervisor does not listen/g)?.length, 1, device.log(name));
    });
  }

  it('whose watchdog has no period is named, and the daemons serve', async () => {
    const device = deviceWith();
    for (const name of daemons) device.launch(name, { NOTIFY_SOCKET: '/no/such/socket', WATCHDOG_USEC: '0' });
    await device.answers();
    for (const name of daemons) assert.match(device.log(name), / warn .*value=0/);
  });
});

describe('an old version of Landlock', { skip: !hasProgram('strace') && 'install the Debian package strace' }, () => {
  /** The kernel, to all appearances, has this one. */
  const withVersion = (version: number) => () => [
    // With -D the daemon is our child and not strace's, which would leave it behind when it is killed.
    ...['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=landlock_create_ruleset'],
    ...['-e', `inject=landlock_create_ruleset:retval=${version}:when=1`],
  ];

  it('under which no vault could be made is as good as none: said at ERROR, with the version that is needed', async () => {
    const device = deviceWith('', { through: withVersion(1) });
    await device.start();
    await device.initialise();
    for (const name of daemons)
      assert.match(device.log(name), / error .*not confined by landlock: .*version 1 of Landlock.*which has version 2/);
  });

  it('holds as far as it goes, and what it leaves open is said at WARN', async () => {
    const device = deviceWith('[global.sandbox]\nrequire = ["landlock"]\n', { through: withVersion(3) });
    await device.start();
    await device.initialise();
    for (const name of daemons) assert.match(device.log(name), / warn .*version 3 of Landlock leaves abstract Unix sockets/);
    const { daemons: reported } = JSON.parse((await device.must(['status', '--json'])).toString());
    for (const { sandbox } of reported) assert.deepEqual(sandbox.landlock, { state: 'enforced', abi: 3 });
  });
});
