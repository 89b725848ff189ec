// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { decodeError } from '../../src/bus/wire-error.ts';
import { SesameError } from '../../src/core/errors.ts';
import { failsWith } from '../support/failures.ts';
import { memory, RawPeer, sleep, startBus, until } from './fixture.ts';
import { named, registeredKey, storedValue, vaultOf } from './vault-fixture.ts';

describe('a request', () => {
  it('is answered by the bus itself when it is for daemon-profile', async (test) => {
    const profiles = [{ name: 'device', id: 'x', active: true, default: true, configured: true }];
    const bus = await startBus(test, { handlers: { 'profile-list': async () => ({ body: { profiles } }) } });
    const client = await bus.connect();
    assert.deepEqual((await client.request('profile-list', {})).body, { profiles });
  });

  for (const length of [0, 1, 65_536, 65_537, 130_000]) {
    it(`carries an attachment of ${length} bytes through the relay and back`, async (test) => {
      const bus = await startBus(test);
      const { handlers, values } = vaultOf();
      await bus.connectDaemon(handlers);
      const client = await bus.connect();
      const value = Buffer.alloc(length, 0xa5);
      await client.request('secret-set', named, value);
      assert.deepEqual(values, [value]);
      assert.deepEqual(await storedValue(client), value);
    });
  }

  it('longer than a frame is refused before it is sent, and the connection goes on', async (test) => {
    const bus = await startBus(test);
    const { handlers } = vaultOf();
    await bus.connectDaemon(handlers);
    const client = await bus.connect();
    await assert.rejects(client.request('secret-set', named, Buffer.alloc(131_072)), failsWith('frame-too-long'));
    await client.request('secret-set', named, Buffer.from('small'));
  });

  it('whose reply is longer than a frame gets an error, and the daemon goes on', async (test) => {
    const bus = await startBus(test);
    let length = 131_000;
    await bus.connectDaemon({ 'secret-get': async () => ({ body: {}, attachment: memory.take(Buffer.alloc(length)) }) });
    const client = await bus.connect();
    await assert.rejects(client.request('secret-get', named), failsWith('frame-too-long'));
    length = 5;
    assert.equal((await storedValue(client)).length, 5);
  });

  it('fails as its handler fails, with the code and the sentence', async (test) => {
    const failure = SesameError.of('secret-not-found', named);
    const bus = await startBus(test);
    await bus.connectDaemon({
      'secret-get': async () => {
        throw failure;
      },
    });
    const client = await bus.connect();
    await assert.rejects(client.request('secret-get', named), { code: failure.code, message: failure.message });
  });

  it('fails as unexpected when its handler has a bug, and the server says so', async (test) => {
    const bus = await startBus(test, {
      handlers: {
        'profile-list': async () => {
          throw new TypeError('a bug');
        },
      },
    });
    const client = await bus.connect();
    await assert.rejects(client.request('profile-list', {}), failsWith('unexpected'));
    assert.ok(bus.logger.lines.some(({ level, fields }) => level === 'error' && fields['kind'] === 'profile-list'));
  });

  it('that nobody here answers is unknown', async (test) => {
    const bus = await startBus(test);
    const client = await bus.connect();
    await assert.rejects(client.request('profile-list', {}), failsWith('message-unknown'));
  });

  it('for a daemon that is not connected fails at once', async (test) => {
    const client = await (await startBus(test)).connect();
    await assert.rejects(client.request('secret-get', named), {
      code: 'daemon-unreachable',
      parameters: { daemon: 'daemon-secrets', where: 'the bus', reason: 'it is not connected' },
    });
  });

  it('under way fails when its daemon goes away', async (test) => {
    const bus = await startBus(test);
    const daemon = await RawPeer.open(test, bus.directory, registeredKey(bus.directory));
    daemon.send({ type: 'request', kind: 'bus-subscribe', level: 'open', body: encodeCbor({ kinds: [] }) });
    await daemon.next();
    const client = await bus.connect();
    const request = client.request('secret-get', named);
    await daemon.next();
    daemon.socket.destroy();
    await assert.rejects(request, { code: 'connection-closed', parameters: { daemon: 'daemon-secrets', kind: 'secret-get' } });
  });

  it('times out with its name, and its late reply leaves no secret page in use', async (test) => {
    const bus = await startBus(test);
    const gate = Promise.withResolvers<void>();
    await bus.connectDaemon({
      'secret-get': async () => {
        await gate.promise;
        return { body: {}, attachment: memory.take(Buffer.from('late')) };
      },
    });
    const client = await bus.connect();
    const { pagesInUse } = memory.status();
    await assert.rejects(client.request('secret-get', named, undefined, { timeoutMs: 50 }), {
      code: 'request-timed-out',
      parameters: { daemon: 'daemon-secrets', kind: 'secret-get', seconds: 0.05 },
    });
    gate.resolve();
    await sleep(50);
    assert.equal(memory.status().pagesInUse, pagesInUse);
  });

  it('of daemon-profile itself reaches the other daemon in its name', async (test) => {
    const bus = await startBus(test);
    const { handlers, senders } = vaultOf();
    await bus.connectDaemon(handlers);
    const { body } = await bus.server.request('secret-set', named, Buffer.from('value'));
    assert.deepEqual(body, { created: true });
    assert.deepEqual([senders[0]?.name, senders[0]?.clearance], ['daemon-profile', 'secrets-only']);
  });

  it('is told apart from others with the same id', async (test) => {
    const bus = await startBus(test);
    await bus.connectDaemon({
      'secret-get': async ({ sender }) => ({ body: {}, attachment: memory.take(Buffer.from(sender.id)) }),
    });
    const peers = [await RawPeer.open(test, bus.directory), await RawPeer.open(test, bus.directory)];
    for (const peer of peers) {
      const request = { type: 'request', kind: 'secret-get', level: 'profile-scoped', body: encodeCbor(named) } as const;
      peer.sendHeader({ ...peer.headers.write(request), id: '0193a5c2-1111-7abc-8def-0123456789ab' });
    }
    for (const peer of peers) {
      const { header } = await peer.next();
      assert.equal(header.correlation, '0193a5c2-1111-7abc-8def-0123456789ab');
    }
  });
});

describe('broadcasts', () => {
  it('reach those who asked for them and nobody else', async (test) => {
    const bus = await startBus(test);
    const received: unknown[] = [];
    const client = await bus.connect({ onEvent: (event) => received.push(event) });
    await bus.connect({ onEvent: () => assert.fail('nobody asked') });
    await client.subscribe(['vault-changed']);
    bus.server.broadcast('profile-changed', { profile: 'device', active: true });
    bus.server.broadcast('vault-changed', { profile: 'device', state: 'unlocked' });
    await until(() => received.length > 0);
    assert.deepEqual(received, [{ kind: 'vault-changed', body: { profile: 'device', state: 'unlocked' } }]);
  });

  it('come from the bus alone', async (test) => {
    const bus = await startBus(test);
    const peer = await RawPeer.open(test, bus.directory);
    const body = encodeCbor({ profile: 'device', state: 'locked' });
    peer.send({ type: 'event', kind: 'vault-changed', level: 'internal', body });
    assert.equal(decodeError((await peer.next()).header.body).code, 'message-invalid');
  });
});

describe('closing the bus', () => {
  it('finishes what is under way, refuses what comes, and gives back every secret page', async (test) => {
    const before = memory.status().pagesInUse;
    const gate = Promise.withResolvers<void>();
    let asked = false;
    const bus = await startBus(test);
    const daemon = await bus.connectDaemon({
      'secret-get': async () => {
        asked = true;
        await gate.promise;
        return { body: {}, attachment: memory.take(Buffer.from('finished')) };
      },
    });
    const client = await bus.connect();
    const value = storedValue(client);
    await until(() => asked);
    const closed = bus.server.close();
    await assert.rejects(bus.connect(), failsWith('daemon-unreachable'));
    gate.resolve();
    assert.equal((await value).toString(), 'finished');
    await closed;
    await client.close();
    await daemon.close();
    assert.equal(memory.status().pagesInUse, before);
  });

  it('waits two seconds for a handler that does not end, and not for ever', { timeout: 10_000 }, async (test) => {
    const bus = await startBus(test, { handlers: { 'profile-list': () => new Promise(() => {}) } });
    const client = await bus.connect();
    const request = client.request('profile-list', {});
    await sleep(20);
    const startedAt = performance.now();
    await Promise.all([bus.server.close(), assert.rejects(request, failsWith('connection-closed'))]);
    assert.ok(performance.now() - startedAt < 4500);
  });
});
