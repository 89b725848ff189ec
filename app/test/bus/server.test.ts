// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import type { BusClient } from '../../src/bus/client.ts';
import { wireVersion, withPlaintext } from '../../src/bus/envelope.ts';
import type { Handlers, Sender } from '../../src/bus/handler.ts';
import { emptyBody } from '../../src/bus/headers.ts';
import { busPaths, KeyFiles } from '../../src/bus/keys.ts';
import { requests } from '../../src/bus/messages.ts';
import { decodeError } from '../../src/bus/wire-error.ts';
import type { ErrorCode } from '../../src/core/catalogue.ts';
import { clears, securityLevels } from '../../src/core/clearance.ts';
import { SesameError } from '../../src/core/errors.ts';
import { failsWith } from '../support/failures.ts';
import { limits, memory, RawPeer, sleep, startBus, until } from './fixture.ts';

const named = { profile: 'device', name: 'mqtt/password' };

/** Answers secret-set with what arrived, secret-get with what was set. */
function vaultOf(): { handlers: Handlers; values: Buffer[]; senders: Sender[] } {
  const values: Buffer[] = [];
  const senders: Sender[] = [];
  const handlers: Handlers = {
    'secret-set': async ({ attachment, sender }) => {
      assert.ok(attachment !== undefined);
      values.push(Buffer.from(attachment.bytes));
      senders.push(sender);
      return { body: { created: true } };
    },
    'secret-get': async ({ sender }) => {
      senders.push(sender);
      return { body: {}, attachment: memory.take(Buffer.from(values.at(-1) ?? [])) };
    },
  };
  return { handlers, values, senders };
}

async function storedValue(client: BusClient): Promise<Buffer> {
  const { attachment } = await client.request('secret-get', named);
  assert.ok(attachment !== undefined);
  const value = Buffer.from(attachment.bytes);
  attachment.release();
  return value;
}

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

function registeredKey(directory: string, name = 'daemon-secrets') {
  return new KeyFiles(memory, busPaths(directory).keys, name).replace();
}

describe('secret bytes on the bus', () => {
  it('are in no buffer of the sender once it is sent', async (test) => {
    const bus = await startBus(test);
    const { handlers } = vaultOf();
    await bus.connectDaemon(handlers);
    const client = await bus.connect();
    await client.request('secret-set', named, Buffer.from('a value'));
    withPlaintext(emptyHeader(), undefined, (plaintext) => {
      const whole = Buffer.from(plaintext.buffer);
      assert.equal(whole.indexOf('a value'), -1);
    });
  });

  it('stay the caller\u2019s where the caller gave them', async (test) => {
    const bus = await startBus(test);
    const { handlers } = vaultOf();
    await bus.connectDaemon(handlers);
    const client = await bus.connect();
    const value = memory.take(Buffer.from('a value'));
    await client.request('secret-set', named, value.bytes);
    assert.equal(value.bytes.toString(), 'a value');
    value.release();
  });

  it('are released by the bus when the handler has settled', async (test) => {
    const bus = await startBus(test);
    const kept: { readonly released: boolean }[] = [];
    await bus.connectDaemon({
      'secret-set': async ({ attachment }) => {
        if (attachment !== undefined) kept.push(attachment);
        const reply = memory.take(Buffer.from('reply'));
        kept.push(reply);
        return { body: { created: true }, attachment: reply };
      },
    });
    const client = await bus.connect();
    (await client.request('secret-set', named, Buffer.from('a value'))).attachment?.release();
    await until(() => kept.length === 2 && kept.every(({ released }) => released));
  });
});

describe('the sender of a request', () => {
  it('is what the server found out, whatever the client claims', async (test) => {
    const bus = await startBus(test, { identify: () => ({ name: 'telemetry', clearance: 'profile-scoped' }) });
    const { handlers, senders } = vaultOf();
    await bus.connectDaemon(handlers);
    const peer = await RawPeer.open(test, bus.directory);
    const origin = { name: 'daemon-secrets', clearance: 'secrets-only', uid: 0, pid: 1 } as const;
    peer.send({ type: 'request', kind: 'secret-get', level: 'profile-scoped', body: encodeCbor(named), origin });
    await peer.next();
    const { name, clearance, uid, pid, id } = senders[0] ?? {};
    assert.deepEqual(
      [name, clearance, uid, pid, id],
      ['telemetry', 'profile-scoped', process.getuid?.(), process.pid, peer.headers.sender],
    );
  });

  it('that changes its id is disconnected and named in the log', async (test) => {
    const bus = await startBus(test, { handlers: { 'profile-list': async () => ({ body: { profiles: [] } }) } });
    const peer = await RawPeer.open(test, bus.directory);
    const request = peer.headers.write({ type: 'request', kind: 'profile-list', level: 'internal', body: emptyBody });
    peer.sendHeader(request);
    assert.equal((await peer.next()).header.type, 'reply');
    peer.sendHeader({ ...request, sender: '0193a5c2-1111-7abc-8def-0123456789ab' });
    assert.equal((await peer.next()).header.type, 'error');
    await until(() => peer.closed);
    assert.ok(bus.logger.lines.some(({ level, fields }) => level === 'warn' && fields['client'] === 'administrator'));
  });

  for (const name of ['daemon-secrets', 'daemon-profile', 'bus']) {
    it(`is never called ${name} by the configuration alone`, async (test) => {
      const bus = await startBus(test, { identify: () => ({ name, clearance: 'secrets-only' }) });
      const client = await bus.connect();
      await assert.rejects(client.request('profile-list', {}), failsWith('client-refused'));
    });
  }

  it('that is no daemon gets no answers in', async (test) => {
    const bus = await startBus(test);
    const { handlers } = vaultOf();
    await bus.connectDaemon(handlers);
    const client = await bus.connect();
    const peer = await RawPeer.open(test, bus.directory);
    peer.send({ type: 'reply', kind: 'secret-get', level: 'open', body: emptyBody, correlation: peer.headers.sender });
    await client.request('secret-set', named, Buffer.from('value'));
    assert.equal((await storedValue(client)).toString(), 'value');
  });
});

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

function emptyHeader() {
  const id = '0193a5c2-1111-7abc-8def-0123456789ab';
  return {
    type: 'request',
    kind: '',
    id,
    correlation: undefined,
    sender: id,
    wall_ms: 0,
    monotonic_ms: 0,
    level: 'open',
    origin: undefined,
    body: emptyBody,
  } as const;
}
