// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import type { BusClient } from '../../src/bus/client.ts';
import { wireVersion, withPlaintext } from '../../src/bus/envelope.ts';
import { emptyBody } from '../../src/bus/headers.ts';
import { requests } from '../../src/bus/messages.ts';
import { decodeError } from '../../src/bus/wire-error.ts';
import type { ErrorCode } from '../../src/core/catalogue.ts';
import { clears, securityLevels } from '../../src/core/clearance.ts';
import { failsWith } from '../support/failures.ts';
import { limits, RawPeer, sleep, startBus, until } from './fixture.ts';
import { named, vaultOf } from './vault-fixture.ts';

describe('clearance', () => {
  for (const clearance of securityLevels) {
    it(`${clearance} suffices for what is at or below it and for nothing above`, async (test) => {
      const denied: string[] = [];
      const bus = await startBus(test, {
        identify: () => ({ name: 'client', clearance }),
        observer: { requestDenied: (_, kind, code) => denied.push(`${kind} ${code}`) },
      });
      const peer = await RawPeer.open(test, bus.directory);
      for (const [kind, { level }] of Object.entries(requests)) {
        peer.send({ type: 'request', kind, level, body: encodeCbor({ nothing: 'fits' }) });
        const { header } = await peer.next();
        const { code } = decodeError(header.body);
        assert.equal(code === 'clearance-too-low', !clears(clearance, level), `${kind} answers ${code}`);
      }
      const expected = Object.entries(requests).filter(([, { level }]) => !clears(clearance, level));
      assert.deepEqual(
        denied,
        expected.map(([kind]) => `${kind} clearance-too-low`),
      );
    });
  }

  it('decides who gets a broadcast', async (test) => {
    let clearance: 'open' | 'internal' = 'open';
    const bus = await startBus(test, { identify: () => ({ name: 'client', clearance }) });
    const received: string[] = [];
    const subscribe = async (name: string) => {
      const client = await bus.connect({ onEvent: ({ kind }) => received.push(`${name} ${kind}`) });
      await client.subscribe(['profile-changed', 'vault-changed']);
    };
    await subscribe('low');
    clearance = 'internal';
    await subscribe('high');
    bus.server.broadcast('profile-changed', { profile: 'device', active: true });
    bus.server.broadcast('vault-changed', { profile: 'device', state: 'locked' });
    await until(() => received.length >= 2);
    await sleep(20);
    assert.deepEqual(received, ['high profile-changed', 'high vault-changed']);
  });
});

describe('a message that is refused', () => {
  const get = { type: 'request', kind: 'secret-get', level: 'profile-scoped' } as const;
  const cases: readonly [string, ErrorCode, (peer: RawPeer) => void][] = [
    ['of an unknown kind', 'message-unknown', (peer) => peer.send({ ...get, kind: 'secret-steal', body: emptyBody })],
    ['of a kind that every object has', 'message-unknown', (peer) => peer.send({ ...get, kind: 'constructor', body: emptyBody })],
    ['below its level', 'message-invalid', (peer) => peer.send({ ...get, level: 'open', body: encodeCbor(named) })],
    [
      'with an attachment that its kind has not',
      'message-invalid',
      (peer) => peer.send({ ...get, body: encodeCbor(named) }, Buffer.from('x')),
    ],
    ['without its arguments', 'message-invalid', (peer) => peer.send({ ...get, body: emptyBody })],
    ['with an argument too many', 'message-invalid', (peer) => peer.send({ ...get, body: encodeCbor({ ...named, more: 1 }) })],
    [
      'with a profile name that climbs',
      'message-invalid',
      (peer) => peer.send({ ...get, body: encodeCbor({ profile: '../../etc', name: 'x' }) }),
    ],
    ['with a body that is no CBOR', 'message-invalid', (peer) => peer.send({ ...get, body: Buffer.from('ff', 'hex') })],
  ];
  for (const [what, code, send] of cases) {
    it(`${what} is answered with ${code}, and the connection goes on`, async (test) => {
      const bus = await startBus(test);
      const { handlers } = vaultOf();
      await bus.connectDaemon(handlers);
      const peer = await RawPeer.open(test, bus.directory);
      send(peer);
      const { header } = await peer.next();
      assert.equal(decodeError(header.body).code, code);
      peer.send({ ...get, body: encodeCbor(named) });
      assert.equal((await peer.next()).header.type, 'reply');
    });
  }

  it('never repeats what it holds in the error', async (test) => {
    const bus = await startBus(test);
    await bus.connectDaemon({});
    const peer = await RawPeer.open(test, bus.directory);
    peer.send({ ...get, body: encodeCbor({ profile: 'hunter2 by mistake', name: 'x' }) });
    assert.doesNotMatch(decodeError((await peer.next()).header.body).message, /hunter2/);
  });

  it('of another version is told both versions and disconnected', async (test) => {
    const bus = await startBus(test);
    const peer = await RawPeer.open(test, bus.directory);
    peer.sendPlaintext(Buffer.from([3, 0, 0, 0, 0]));
    const { header } = await peer.next();
    const { code, parameters } = decodeError(header.body);
    assert.deepEqual([code, parameters], ['wire-version-unknown', { version: 3, known: wireVersion }]);
    await until(() => peer.closed);
  });

  it('that is no envelope is told so and disconnected', async (test) => {
    const bus = await startBus(test);
    const peer = await RawPeer.open(test, bus.directory);
    peer.sendPlaintext(Buffer.from([0x80, 0, 0, 0, 1, 0xff]));
    assert.equal(decodeError((await peer.next()).header.body).code, 'message-invalid');
    await until(() => peer.closed && bus.server.connections === 0);
  });

  it('because it was sent twice ends the connection', async (test) => {
    const bus = await startBus(test, { handlers: { 'profile-list': async () => ({ body: { profiles: [] } }) } });
    const peer = await RawPeer.open(test, bus.directory);
    const header = peer.headers.write({ type: 'request', kind: 'profile-list', level: 'internal', body: emptyBody });
    const frame = withPlaintext(header, undefined, (plaintext) => peer.seal(plaintext));
    peer.socket.write(frame);
    assert.equal((await peer.next()).header.type, 'reply');
    peer.socket.write(frame);
    assert.equal(decodeError((await peer.next()).header.body).code, 'message-invalid');
    await until(() => peer.closed);
  });
});

describe('the rate limit', () => {
  it('holds per client and does not touch daemons', async (test) => {
    let name = 'one';
    const bus = await startBus(test, {
      identify: () => ({ name, clearance: 'secrets-only' }),
      handlers: { 'profile-list': async () => ({ body: { profiles: [] } }) },
      limits: { ...limits, ratePerSecond: 0.001, rateBurst: 3 },
    });
    const one = await bus.connect();
    name = 'two';
    const two = await bus.connect();
    const daemon = await bus.connectDaemon({});
    const outcomes = async (client: BusClient, count: number) => {
      const settled = await Promise.allSettled(Array.from({ length: count }, () => client.request('profile-list', {})));
      return settled.filter(({ status }) => status === 'fulfilled').length;
    };
    assert.deepEqual([await outcomes(one, 5), await outcomes(two, 5), await outcomes(daemon, 5)], [3, 3, 5]);
    await assert.rejects(one.request('profile-list', {}), { code: 'rate-limited', parameters: { client: 'one', limit: 0.001 } });
  });

  it('is one for all connections of a client, and for unregistered ones one per uid', async (test) => {
    const bus = await startBus(test, {
      identify: () => ({ name: undefined, clearance: 'secrets-only' }),
      handlers: { 'profile-list': async () => ({ body: { profiles: [] } }) },
      limits: { ...limits, ratePerSecond: 0.001, rateBurst: 1 },
    });
    await (await bus.connect()).request('profile-list', {});
    await assert.rejects((await bus.connect()).request('profile-list', {}), {
      code: 'rate-limited',
      parameters: { client: `uid ${process.getuid?.()}`, limit: 0.001 },
    });
  });

  it('changes while the bus runs', async (test) => {
    const bus = await startBus(test, {
      handlers: { 'profile-list': async () => ({ body: { profiles: [] } }) },
      limits: { ...limits, ratePerSecond: 0.001, rateBurst: 1 },
    });
    const client = await bus.connect();
    await client.request('profile-list', {});
    await assert.rejects(client.request('profile-list', {}), failsWith('rate-limited'));
    bus.server.reconfigure({ ...limits, ratePerSecond: 100_000 });
    await sleep(5);
    await client.request('profile-list', {});
  });
});

describe('more requests than a connection may have under way', () => {
  it('wait in the kernel and are all answered', async (test) => {
    const gate = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const bus = await startBus(test, {
      handlers: {
        'profile-list': async () => {
          running += 1;
          most = Math.max(most, running);
          await gate.promise;
          running -= 1;
          return { body: { profiles: [] } };
        },
      },
    });
    const client = await bus.connect();
    const requested = Promise.all(Array.from({ length: 100 }, () => client.request('profile-list', {})));
    await until(() => running === 32);
    await sleep(30);
    gate.resolve();
    assert.equal((await requested).length, 100);
    assert.equal(most, 32);
  });
});
