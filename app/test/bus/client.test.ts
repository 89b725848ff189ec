// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { BusClient } from '../../src/bus/client.ts';
import { busPaths, KeyFiles } from '../../src/bus/keys.ts';
import { failsWith } from '../support/failures.ts';
import { memory, runtimeDirectory, sleep, startBus, suite, until } from './fixture.ts';

const named = { profile: 'device', name: 'x' };
const handlers = { 'profile-list': async () => ({ body: { profiles: [] } }) };

describe('connecting', () => {
  it('where no bus has ever been names the missing key', async (test) => {
    const directory = runtimeDirectory(test);
    await assert.rejects(BusClient.connect({ memory, runtimeDirectory: directory, suite }), failsWith('daemon-unreachable'));
  });

  it('where a bus has been says that nobody listens', async (test) => {
    const bus = await startBus(test);
    await bus.server.close();
    await assert.rejects(bus.connect(), { code: 'daemon-unreachable' });
  });

  it('to something that never answers ends in five seconds', { timeout: 9000 }, async (test) => {
    const bus = await startBus(test);
    await bus.server.close();
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(busPaths(bus.directory).socket, resolve));
    const startedAt = performance.now();
    await assert.rejects(bus.connect(), failsWith('daemon-unreachable'));
    assert.ok(performance.now() - startedAt < 6000);
    mute.close();
  });

  it('that fails leaves no secret page in use', async (test) => {
    const directory = runtimeDirectory(test);
    const { pagesInUse } = memory.status();
    await assert.rejects(BusClient.connect({ memory, runtimeDirectory: directory, suite }), failsWith('daemon-unreachable'));
    assert.equal(memory.status().pagesInUse, pagesInUse);
  });
});

describe('a client that reconnects', () => {
  it('may start before the bus', async (test) => {
    const directory = runtimeDirectory(test);
    mkdirSync(busPaths(directory).keys, { mode: 0o700 });
    const daemon = await BusClient.connect({
      memory,
      runtimeDirectory: directory,
      suite,
      reconnect: true,
      keyFiles: new KeyFiles(memory, busPaths(directory).keys, 'daemon-secrets'),
      handlers: { 'secret-delete': async () => ({ body: {} }) },
    });
    test.after(() => daemon.close());
    assert.equal(daemon.connected, false);
    const bus = await startBus(test, { runtimeDirectory: directory });
    await until(() => daemon.connected && bus.server.daemons.includes('daemon-secrets'));
    await (await bus.connect()).request('secret-delete', named);
  });

  it('comes back after the bus was restarted, with its subscriptions', async (test) => {
    const first = await startBus(test, { handlers });
    const received: string[] = [];
    const states: string[] = [];
    const client = await first.connect({
      reconnect: true,
      onConnect: () => states.push('connected'),
      onDisconnect: ({ code }) => states.push(code),
      onEvent: ({ kind }) => received.push(kind),
    });
    await client.subscribe(['profile-changed']);
    await first.server.close();
    await until(() => !client.connected);
    await assert.rejects(client.request('profile-list', {}), failsWith('daemon-unreachable'));
    const second = await startBus(test, { runtimeDirectory: first.directory, handlers });
    await client.request('profile-list', {}, undefined, { waitForConnection: true });
    await until(() => {
      second.server.broadcast('profile-changed', { profile: 'device', active: true });
      return received.length > 0;
    });
    assert.deepEqual(states, ['connected', 'daemon-unreachable', 'connected']);
  });

  it('comes back to a bus whose key has changed', async (test) => {
    const first = await startBus(test, { handlers });
    const client = await first.connect({ reconnect: true });
    await first.server.close();
    for (const part of ['pub', 'key', 'checksum']) rmSync(`${first.directory}/bus.${part}`);
    await startBus(test, { runtimeDirectory: first.directory, handlers });
    await client.request('profile-list', {}, undefined, { waitForConnection: true });
  });

  it('does not wait longer than it was told', async (test) => {
    const directory = runtimeDirectory(test);
    const client = await BusClient.connect({ memory, runtimeDirectory: directory, suite, reconnect: true });
    test.after(() => client.close());
    const startedAt = performance.now();
    const request = client.request('profile-list', {}, undefined, { waitForConnection: true, timeoutMs: 80 });
    await assert.rejects(request, failsWith('daemon-unreachable'));
    assert.ok(performance.now() - startedAt < 1000);
  });

  it('tells whether a connection came within a time', async (test) => {
    const directory = runtimeDirectory(test);
    const client = await BusClient.connect({ memory, runtimeDirectory: directory, suite, reconnect: true });
    test.after(() => client.close());
    assert.equal(await client.connects(80), false);
    const [came] = await Promise.all([client.connects(5_000), startBus(test, { runtimeDirectory: directory, handlers })]);
    assert.deepEqual([came, await client.connects(0)], [true, true]);
  });

  it('stops trying when it is closed', async (test) => {
    const directory = runtimeDirectory(test);
    const client = await BusClient.connect({ memory, runtimeDirectory: directory, suite, reconnect: true });
    await client.close();
    const bus = await startBus(test, { runtimeDirectory: directory });
    await sleep(150);
    assert.equal(bus.server.connections, 0);
  });
});

describe('closing a client', () => {
  it('lets a handler that is answering finish', async (test) => {
    const bus = await startBus(test);
    let asked = false;
    const daemon = await bus.connectDaemon({
      'secret-delete': async () => {
        asked = true;
        await sleep(50);
        return { body: {} };
      },
    });
    const client = await bus.connect();
    const request = client.request('secret-delete', named);
    await until(() => asked);
    await daemon.close();
    assert.deepEqual((await request).body, {});
  });

  it('fails what it still waits for', async (test) => {
    const bus = await startBus(test, { handlers: { 'profile-list': () => sleep(300).then(() => ({ body: { profiles: [] } })) } });
    const client = await bus.connect();
    const request = client.request('profile-list', {});
    await Promise.all([assert.rejects(request, failsWith('connection-closed')), client.close()]);
  });

  it('twice is closing it once', async (test) => {
    const client = await (await startBus(test)).connect();
    await client.close();
    await client.close();
  });
});

describe('a daemon', () => {
  it('makes its key once, for itself alone', async (test) => {
    const bus = await startBus(test);
    await (await bus.connectDaemon({})).close();
    const path = `${busPaths(bus.directory).keys}/daemon-secrets.key`;
    const { ino, mode } = statSync(path);
    assert.equal(mode & 0o777, 0o600);
    await bus.connectDaemon({});
    assert.equal(statSync(path).ino, ino);
  });

  it('that comes twice under its name gets requests on the newer connection', async (test) => {
    const bus = await startBus(test);
    const older: string[] = [];
    const answer = (who: string) => ({
      'secret-delete': async () => {
        older.push(who);
        return { body: {} };
      },
    });
    await bus.connectDaemon(answer('older'));
    const newer = await bus.connectDaemon(answer('newer'));
    const client = await bus.connect();
    await client.request('secret-delete', named);
    await newer.close();
    await until(() => bus.server.connections === 2);
    await client.request('secret-delete', named);
    assert.deepEqual(older, ['newer', 'older']);
  });
});
