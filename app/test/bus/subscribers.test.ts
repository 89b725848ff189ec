// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { busPaths, KeyFiles } from '../../src/bus/keys.ts';
import { longestQueue, mostBytesHeld } from '../../src/bus/limits.ts';
import { type Bus, limits, memory, RawPeer, sleep, startBus, until } from './fixture.ts';

const reports = { 'profile-list': async () => ({ body: { profiles: [] } }) };
const event = { profile: 'device', active: true };

/** A subscriber that has stopped reading. */
async function stalled(test: TestContext, bus: Bus): Promise<RawPeer> {
  const peer = await RawPeer.open(test, bus.directory);
  peer.send({ type: 'request', kind: 'bus-subscribe', level: 'open', body: encodeCbor({ kinds: ['profile-changed'] }) });
  await peer.next();
  peer.socket.pause();
  return peer;
}

/** Broadcasts until something holds. Once is not enough: a socket that is paused still fills its buffers. */
function floodUntil(bus: Bus, holds: () => boolean): Promise<void> {
  return until(() => {
    for (let count = 0; count < 200; count += 1) bus.server.broadcast('profile-changed', event);
    return holds();
  });
}

const disconnected = (bus: Bus) => bus.logger.lines.filter(({ message }) => message === 'a slow subscriber is disconnected');

describe('a slow subscriber', () => {
  it('is disconnected after its time and named in the log', async (test) => {
    const bus = await startBus(test, {
      handlers: reports,
      limits: { ...limits, channelCapacity: 16, slowSubscriberTimeoutMs: 150 },
    });
    await stalled(test, bus);
    const startedAt = performance.now();
    await floodUntil(bus, () => bus.server.connections === 0);
    assert.ok(performance.now() - startedAt >= 150);
    const [line] = disconnected(bus);
    assert.deepEqual([line?.fields['client'], line?.fields['pid']], ['administrator', process.pid]);
  });

  it('keeps nobody waiting: others are answered and get every broadcast meanwhile', async (test) => {
    const bus = await startBus(test, { handlers: reports, limits: { ...limits, slowSubscriberTimeoutMs: 10_000 } });
    let received = 0;
    const good = await bus.connect({
      onEvent: () => {
        received += 1;
      },
    });
    await good.subscribe(['profile-changed']);
    const durations = async () => {
      const times: number[] = [];
      for (let count = 0; count < 200; count += 1) {
        const startedAt = performance.now();
        await good.request('profile-list', {});
        times.push(performance.now() - startedAt);
      }
      return times.sort((a, b) => a - b)[100] ?? 0;
    };
    const undisturbed = await durations();
    const slow = await stalled(test, bus);
    for (let count = 0; count < 1000; count += 1) {
      bus.server.broadcast('profile-changed', event);
      if (count % 20 === 0) await good.request('profile-list', {});
    }
    await until(() => received === 1000);
    assert.ok((await durations()) < 5 * undisturbed + 1);
    assert.equal(slow.closed, false);
  });

  it('that reads again before its time is over stays, and what it missed is counted in the log', async (test) => {
    const bus = await startBus(test, { limits: { ...limits, channelCapacity: 16, slowSubscriberTimeoutMs: 5000 } });
    const peer = await stalled(test, bus);
    let sent = 0;
    await floodUntil(bus, () => {
      sent += 200;
      return sent === 4000;
    });
    peer.socket.resume();
    const missed = () => {
      const lines = bus.logger.lines.filter(({ message }) => message === 'a slow subscriber missed broadcasts');
      return lines.reduce((sum, { fields }) => sum + Number(fields['missed']), 0);
    };
    await until(() => missed() > 0 && peer.received.length + missed() === sent);
    assert.equal(bus.server.connections, 1);
  });

  it('takes its time from the configuration in force', async (test) => {
    const bus = await startBus(test, { limits: { ...limits, channelCapacity: 16, slowSubscriberTimeoutMs: 60_000 } });
    await stalled(test, bus);
    bus.server.reconfigure({ ...limits, channelCapacity: 16, slowSubscriberTimeoutMs: 30 });
    await floodUntil(bus, () => bus.server.connections === 0);
  });
});

describe('a client that does not read its answers', () => {
  it('is not read any more, and disconnected when more waits for it than its share', async (test) => {
    const bus = await startBus(test, { limits: { ...limits, slowSubscriberTimeoutMs: 100 } });
    await bus.connectDaemon({ 'secret-get': async () => ({ body: {}, attachment: memory.take(Buffer.alloc(100_000)) }) });
    const peer = await RawPeer.open(test, bus.directory);
    peer.socket.pause();
    const body = encodeCbor({ profile: 'device', name: 'x' });
    for (let count = 0; count < 100; count += 1)
      peer.send({ type: 'request', kind: 'secret-get', level: 'profile-scoped', body });
    await sleep(400);
    // What was asked before the queue grew is answered; the rest waits in the kernel.
    const waiting = disconnected(bus)[0]?.fields['bytes'];
    assert.ok(waiting === undefined || Number(waiting) < 4 * longestQueue);
  });
});

describe('frames that never end', () => {
  it('cost the connections that hold them, once all together hold too much', async (test) => {
    const bus = await startBus(test, { handlers: reports });
    const peers: RawPeer[] = [];
    // Each announces a frame of two chunks and sends one and a half of them.
    const unfinished = Buffer.concat([
      Buffer.from('0000000400000002', 'hex'),
      Buffer.from('0000ffff', 'hex'),
      Buffer.alloc(65_535),
      Buffer.from('0000ffff', 'hex'),
      Buffer.alloc(32_000),
    ]);
    const needed = Math.ceil(mostBytesHeld / unfinished.length) + 10;
    for (let count = 0; count < needed; count += 1) {
      const peer = await RawPeer.open(test, bus.directory);
      peer.socket.write(unfinished);
      peers.push(peer);
    }
    await until(() => bus.server.connections < needed);
    await (await bus.connect()).request('profile-list', {});
    assert.ok(bus.logger.lines.some(({ fields }) => fields['what'] === 'bytes of unfinished messages'));
  });
});

describe('a daemon that does not read', () => {
  it('makes requests for it fail, and others go on', async (test) => {
    const bus = await startBus(test, {
      handlers: reports,
      limits: { ...limits, channelCapacity: 4, slowSubscriberTimeoutMs: 300 },
    });
    const key = new KeyFiles(memory, busPaths(bus.directory).keys, 'daemon-secrets').replace();
    const daemon = await RawPeer.open(test, bus.directory, key);
    daemon.send({ type: 'request', kind: 'bus-subscribe', level: 'open', body: encodeCbor({ kinds: [] }) });
    await daemon.next();
    daemon.socket.pause();
    const clients = await Promise.all(Array.from({ length: 30 }, () => bus.connect()));
    const value = Buffer.alloc(60_000);
    const requests = clients.map((client) => client.request('secret-set', { profile: 'device', name: 'x' }, value));
    const outcomes = Promise.allSettled(requests);
    await clients[0]?.request('profile-list', {});
    const codes = (await outcomes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'answered'));
    assert.deepEqual([...new Set(codes)].sort(), ['connection-closed', 'daemon-busy']);
    assert.equal(disconnected(bus)[0]?.fields['client'], 'daemon-secrets');
  });
});
