// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { attachmentsPauseAt, mostAttachedOfOneClient } from '../../src/bus/limits.ts';
import { requestTable } from '../../src/bus/message-table.generated.js';
import { decodeError } from '../../src/bus/wire-error.ts';
import { memory, RawPeer, startBus, until } from './fixture.ts';

const body = { profile: 'device', name: 'name' };
const valueLength = 65_536;

describe('a body that is longer than its kind ever needs', () => {
  it('is refused by the bus and never gets to the daemon that would answer', async (test) => {
    const bus = await startBus(test);
    const asked: string[] = [];
    await bus.connectDaemon({
      'secret-get': async ({ body: { name } }) => {
        asked.push(name);
        return { body: {}, attachment: memory.take(Buffer.from('value')) };
      },
    });
    const peer = await RawPeer.open(test, bus.directory);
    const padded = encodeCbor({ ...body, more: 'x'.repeat(100_000) });
    peer.send({ type: 'request', kind: 'secret-get', level: 'profile-scoped', body: padded });
    const { code, message } = decodeError((await peer.next()).header.body);
    assert.equal(code, 'message-invalid');
    assert.match(message, new RegExp(`longer than ${requestTable['secret-get'].longestBody} bytes`));
    peer.send({ type: 'request', kind: 'secret-get', level: 'profile-scoped', body: encodeCbor(body) });
    assert.equal((await peer.next()).header.type, 'reply');
    assert.deepEqual(asked, ['name']);
  });
});

describe('attachments that are not answered yet', () => {
  it('are bounded in bytes for a connection, whose further requests wait and are all answered', async (test) => {
    const bus = await startBus(test);
    const gate = Promise.withResolvers<void>();
    let held = 0;
    let most = 0;
    await bus.connectDaemon({
      'secret-set': async ({ attachment }) => {
        const length = attachment?.length ?? 0;
        held += length;
        most = Math.max(most, held);
        await gate.promise;
        held -= length;
        return { body: { created: true } };
      },
    });
    const client = await bus.connect();
    const value = Buffer.alloc(valueLength);
    const requests = Array.from({ length: 30 }, () => client.request('secret-set', body, value));
    await until(() => held >= attachmentsPauseAt);
    gate.resolve();
    assert.equal((await Promise.all(requests)).length, 30);
    assert.ok(most < attachmentsPauseAt + valueLength, `${most} bytes at once`);
  });

  it('are bounded in bytes for a client, whatever the number of its connections, and nobody else is', async (test) => {
    let name = 'greedy';
    const bus = await startBus(test, { identify: () => ({ name, clearance: 'secrets-only' }) });
    const gate = Promise.withResolvers<void>();
    let held = 0;
    await bus.connectDaemon({
      'secret-set': async ({ attachment }) => {
        held += attachment?.length ?? 0;
        await gate.promise;
        return { body: { created: true } };
      },
    });
    const value = Buffer.alloc(valueLength);
    const greedy = await Promise.all(Array.from({ length: 20 }, () => bus.connect()));
    const codes: unknown[] = [];
    const requests = greedy.map((client) =>
      client.request('secret-set', body, value).catch(({ code }: { code: unknown }) => codes.push(code)),
    );
    const places = mostAttachedOfOneClient / valueLength;
    await until(() => codes.length === greedy.length - places && held === mostAttachedOfOneClient);
    assert.deepEqual(new Set(codes), new Set(['daemon-busy']));
    name = 'modest';
    const modest = (await bus.connect()).request('secret-set', body, value);
    await until(() => held > mostAttachedOfOneClient);
    gate.resolve();
    await Promise.all([...requests, modest]);
    const afterwards = greedy[0]?.request('secret-set', body, value);
    assert.deepEqual((await afterwards)?.body, { created: true }, 'what was answered counts no more');
  });
});
