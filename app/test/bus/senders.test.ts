// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { withPlaintext } from '../../src/bus/envelope.ts';
import { emptyBody } from '../../src/bus/headers.ts';
import { failsWith } from '../support/failures.ts';
import { memory, RawPeer, startBus, until } from './fixture.ts';
import { named, storedValue, vaultOf } from './vault-fixture.ts';

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
