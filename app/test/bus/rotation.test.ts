// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import type { BusClient } from '../../src/bus/client.ts';
import { busPaths, KeyFiles } from '../../src/bus/keys.ts';
import type { BusObserver } from '../../src/bus/observer.ts';
import { failsWith } from '../support/failures.ts';
import { type Bus, limits, memory, RawPeer, sleep, startBus, until } from './fixture.ts';

const named = { profile: 'device', name: 'x' };
const secrets = { 'secret-get': async () => ({ body: {}, attachment: memory.take(Buffer.from('value')) }) };

/** Writes down what the audit chain would be told. */
function recorder(): { told: string[]; observer: BusObserver } {
  const told: string[] = [];
  return {
    told,
    observer: {
      keyRotationStarted: (name, generation) => told.push(`started ${name} ${generation}`),
      keyRotationCompleted: (name, generation) => told.push(`completed ${name} ${generation}`),
      keyRevoked: (name, reason, generation) => told.push(`revoked ${name} ${generation}: ${reason}`),
      daemonConnected: (name) => told.push(`connected ${name}`),
      daemonDisconnected: (name) => told.push(`disconnected ${name}`),
    },
  };
}

function publicKey(bus: Bus, name?: string): string {
  return readFileSync(
    name === undefined ? busPaths(bus.directory).publicKey : join(busPaths(bus.directory).keys, `${name}.pub`),
  ).toString('hex');
}

async function get(client: BusClient): Promise<string | undefined> {
  const { attachment } = await client.request('secret-get', named);
  const value = attachment?.bytes.toString();
  attachment?.release();
  return value;
}

describe('rotating the key of the bus', () => {
  it('publishes a new key, and clients that know the old one are still admitted', async (test) => {
    const bus = await startBus(test);
    const before = publicKey(bus);
    const { name, generation, grace_seconds } = bus.server.rotate('bus');
    assert.deepEqual([name, generation, grace_seconds], ['bus', 2, 60]);
    assert.notEqual(publicKey(bus), before);
    await bus.connect();
    writeFileSync(busPaths(bus.directory).publicKey, Buffer.from(before, 'hex'));
    await bus.connect();
  });

  it('ends the old key and its connections when the grace is over, and daemons have come back by then', async (test) => {
    const { told, observer } = recorder();
    const bus = await startBus(test, { observer, limits: { ...limits, graceSeconds: 0.3 } });
    await bus.connectDaemon(secrets);
    const lasting = await RawPeer.open(test, bus.directory);
    const before = publicKey(bus);
    bus.server.rotate('bus');
    const client = await bus.connect();
    await until(() => lasting.closed);
    assert.equal(await get(client), 'value');
    writeFileSync(busPaths(bus.directory).publicKey, Buffer.from(before, 'hex'));
    await assert.rejects(bus.connect(), failsWith('handshake-failed'));
    assert.deepEqual(told, ['connected daemon-secrets', 'started bus 2', 'completed bus 2', 'revoked bus 1: rotated']);
  });

  it('loses no request that is under way meanwhile', async (test) => {
    const bus = await startBus(test, { limits: { ...limits, graceSeconds: 1 } });
    await bus.connectDaemon({
      'secret-get': async () => {
        await sleep(2);
        return { body: {}, attachment: memory.take(Buffer.from('value')) };
      },
    });
    const client = await bus.connect({ reconnect: true });
    let answered = 0;
    const untilAfterTheGrace = performance.now() + 1500;
    while (answered < 50 || performance.now() < untilAfterTheGrace) {
      if (answered === 20) bus.server.rotate('bus');
      assert.equal(await get(client), 'value');
      answered += 1;
    }
  });

  it('is refused while one is under way', async (test) => {
    const bus = await startBus(test);
    bus.server.rotate('bus');
    assert.throws(() => bus.server.rotate('bus'), failsWith('rotation-under-way'));
  });

  it('survives a restart of the bus', async (test) => {
    const first = await startBus(test);
    first.server.rotate('bus');
    const key = publicKey(first);
    await first.server.close();
    const second = await startBus(test, { runtimeDirectory: first.directory });
    assert.equal(publicKey(second), key);
    await second.connect();
  });
});

describe('rotating the key of a daemon', () => {
  it('lets the daemon make its new key, and revokes the old one when the grace is over', async (test) => {
    const { told, observer } = recorder();
    const bus = await startBus(test, { observer, limits: { ...limits, graceSeconds: 0.3 } });
    await bus.connectDaemon(secrets);
    const client = await bus.connect();
    const before = publicKey(bus, 'daemon-secrets');
    assert.equal(bus.server.rotate('daemon-secrets').generation, 2);
    await until(() => told.includes('completed daemon-secrets 2'));
    assert.notEqual(publicKey(bus, 'daemon-secrets'), before);
    assert.equal(await get(client), 'value');
    await until(() => told.includes('revoked daemon-secrets 1: rotated'));
    assert.equal(await get(client), 'value');
    assert.deepEqual(told, [
      'connected daemon-secrets',
      'started daemon-secrets 2',
      'completed daemon-secrets 2',
      'revoked daemon-secrets 1: rotated',
    ]);
  });

  it('loses no request that is under way meanwhile', async (test) => {
    const bus = await startBus(test, { limits: { ...limits, graceSeconds: 1 } });
    await bus.connectDaemon({
      'secret-get': async () => {
        await sleep(2);
        return { body: {}, attachment: memory.take(Buffer.from('value')) };
      },
    });
    const client = await bus.connect();
    const requests = Array.from({ length: 100 }, async (_, index) => {
      await sleep(index * 15);
      if (index === 20) bus.server.rotate('daemon-secrets');
      return get(client);
    });
    assert.ok((await Promise.all(requests)).every((value) => value === 'value'));
  });

  it('leaves the old key in force when the daemon does not answer, and says so', async (test) => {
    const { told, observer } = recorder();
    const bus = await startBus(test, { observer, limits: { ...limits, graceSeconds: 0.05 } });
    const files = new KeyFiles(memory, busPaths(bus.directory).keys, 'daemon-secrets');
    const deaf = await RawPeer.open(test, bus.directory, files.replace());
    deaf.send({ type: 'request', kind: 'bus-subscribe', level: 'open', body: encodeCbor({ kinds: [] }) });
    await deaf.next();
    bus.server.rotate('daemon-secrets');
    assert.equal((await deaf.next()).header.kind, 'key-rotation');
    await until(() => bus.logger.lines.some(({ level, fields }) => level === 'warn' && fields['name'] === 'daemon-secrets'));
    assert.equal(deaf.closed, false);
    await bus.connectDaemon(secrets);
    assert.ok(!told.some((line) => line.startsWith('revoked')));
  });

  it('of which there is no key is refused with the names that are known', async (test) => {
    const bus = await startBus(test);
    await bus.connectDaemon({});
    assert.throws(() => bus.server.rotate('daemon-moon'), {
      code: 'key-unknown',
      parameters: { name: 'daemon-moon', known: 'bus, daemon-secrets' },
    });
  });

  it('gives every secret page back in the end', async (test) => {
    await until(() => memory.status().pagesInUse === 0);
    const bus = await startBus(test, { limits: { ...limits, graceSeconds: 0.05 } });
    const daemon = await bus.connectDaemon(secrets);
    bus.server.rotate('daemon-secrets');
    await sleep(100);
    bus.server.rotate('bus');
    await sleep(700);
    await daemon.close();
    await bus.server.close();
    await until(() => memory.status().pagesInUse === 0);
  });
});
