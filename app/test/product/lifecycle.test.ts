// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type DaemonName, Device, password, startDevice } from '../support/device.ts';

const devices: Device[] = [];

function track(device: Device): Device {
  devices.push(device);
  return device;
}

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
});

describe('the two daemons', () => {
  for (const order of [
    ['daemon-profile', 'daemon-secrets'],
    ['daemon-secrets', 'daemon-profile'],
  ] satisfies DaemonName[][]) {
    it(`work when ${order[0]} is started first`, async () => {
      const device = track(new Device());
      for (const name of order) {
        device.launch(name);
        await device.eventually(`${name} starts`, () => device.log(name) !== '');
      }
      await device.answers();
      await device.initialise();
      await device.must(['secret', 'set', '-p', 'device', 'a'], 'value');
      assert.equal((await device.must(['secret', 'get', '-p', 'device', 'a'])).toString(), 'value');
    });
  }

  it('are both on the bus when daemon-secrets says that it is ready, although it was started first', async () => {
    const device = track(new Device());
    device.launch('daemon-secrets');
    await wait(1_000);
    assert.doesNotMatch(device.log('daemon-secrets'), / ready /);
    device.launch('daemon-profile');
    await device.eventually('daemon-secrets is ready', () => / ready /.test(device.log('daemon-secrets')));
    assert.equal((await device.sesame(['status'])).code, 0);
  });

  it('serve although the supervisor that their environment names is not there and its watchdog has no period', async () => {
    const device = track(new Device());
    const names = ['daemon-profile', 'daemon-secrets'] as const;
    for (const name of names) device.launch(name, { NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '0' });
    await device.answers();
    for (const name of names) {
      assert.match(device.log(name), /WATCHDOG_USEC is no number of microseconds above zero/);
      assert.match(device.log(name), /the supervisor does not listen .*\/nowhere\/notify/);
    }
  });

  it('go on when daemon-profile crashes and comes back: the vault stays unlocked', async () => {
    const device = track(await startDevice());
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'a'], 'value');
    await device.end('daemon-profile', 'SIGKILL');
    assert.equal((await device.sesame(['secret', 'get', '-p', 'device', 'a'])).code, 13);
    assert.ok(device.running('daemon-secrets'));
    device.launch('daemon-profile');
    await device.answers();
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'a'])).toString(), 'value');
  });

  it('go on when daemon-secrets crashes and comes back: the vault is locked and nothing is lost', async () => {
    const device = track(await startDevice());
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'a'], 'value');
    await device.end('daemon-secrets', 'SIGKILL');
    assert.equal((await device.sesame(['secret', 'get', '-p', 'device', 'a'])).code, 13);
    assert.equal((await device.sesame(['profile', 'list'])).code, 0);
    device.launch('daemon-secrets');
    await device.answers();
    assert.equal((await device.sesame(['secret', 'get', '-p', 'device', 'a'])).code, 4);
    await device.unlock();
    assert.equal((await device.must(['secret', 'get', '-p', 'device', 'a'])).toString(), 'value');
  });

  it('stop on SIGTERM with exit code 0 within five seconds', async () => {
    const device = track(await startDevice());
    await device.initialise();
    const started = Date.now();
    assert.equal(await device.end('daemon-secrets'), 0);
    assert.equal(await device.end('daemon-profile'), 0);
    assert.ok(Date.now() - started < 10_000);
  });

  for (const name of ['daemon-profile', 'daemon-secrets'] satisfies DaemonName[]) {
    it(`stop on SIGTERM at any moment of the start of ${name}`, async () => {
      const device = track(await startDevice());
      for (let delayMs = 0; delayMs < 400; delayMs += 25) {
        await device.end(name);
        device.launch(name);
        await wait(delayMs);
        const ended = device.end(name).then(() => true);
        assert.ok(await Promise.race([ended, wait(5_000, false, { ref: false })]), `${delayMs} ms after its start`);
      }
    });
  }

  it('refuse to run twice on one directory, and the first one keeps serving', async () => {
    const device = track(await startDevice());
    for (const name of ['daemon-profile', 'daemon-secrets'] satisfies DaemonName[]) {
      const second = track(new Device('', { home: device.home }));
      second.launch(name);
      await second.eventually(`the second ${name} gives up`, () => !second.running(name));
      assert.equal(await second.end(name), 7);
      assert.match(second.log(name), /already/);
      devices.pop();
    }
    assert.equal((await device.sesame(['status', '--json'])).code, 0);
  });

  it('start over a stale socket', async () => {
    const device = track(await startDevice());
    await device.end('daemon-profile', 'SIGKILL');
    device.launch('daemon-profile');
    await device.answers();
  });

  it('hold a new configuration against the old one on SIGHUP and keep the old when the new is bad', async () => {
    const device = track(await startDevice('[global.logging]\nlevel = "info"\n'));
    const file = join(device.configurationDirectory, 'config.toml');
    writeFileSync(file, '[global.loging]\nlevel = "debug"\n');
    process.kill(device.pid('daemon-profile'), 'SIGHUP');
    await device.eventually('the bad file is reported', () => /loging/.test(device.log('daemon-profile')));
    assert.equal((await device.sesame(['status', '--json'])).code, 0);
    writeFileSync(file, '[global.logging]\nlevel = "warn"\n');
    process.kill(device.pid('daemon-profile'), 'SIGHUP');
    await device.eventually('the problem is gone', async () => {
      const status = (await device.sesame(['status', '--json'])).stdout.toString();
      return !status.includes('loging');
    });
  });
});

describe('several profiles', () => {
  it('are active at once, each with its own vault', async () => {
    const device = track(await startDevice());
    for (const profile of ['one', 'two']) {
      await device.initialise(profile);
      await device.must(['secret', 'set', '-p', profile, 'name'], profile);
    }
    for (const profile of ['one', 'two']) {
      assert.equal((await device.must(['secret', 'get', '-p', profile, 'name'])).toString(), profile);
    }
    await device.must(['lock', '-p', 'one']);
    assert.equal((await device.sesame(['secret', 'get', '-p', 'one', 'name'])).code, 4);
    assert.equal((await device.must(['secret', 'get', '-p', 'two', 'name'])).toString(), 'two');
  });

  it('are locked when they are deactivated', async () => {
    const device = track(await startDevice());
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'a'], 'value');
    await device.must(['profile', 'deactivate', 'device']);
    await device.eventually(
      'the vault is locked',
      async () => (await device.sesame(['secret', 'get', '-p', 'device', 'a'])).code === 4,
    );
    assert.equal((await device.sesame(['unlock', '-p', 'device', '--password-stdin'], `${password}\n`)).code, 0);
  });
});
