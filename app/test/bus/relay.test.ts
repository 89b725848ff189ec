// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { busPaths, KeyFiles } from '../../src/bus/keys.ts';
import { type Bus, limits, memory, RawPeer, sleep, startBus, suite, until } from './fixture.ts';

const notRoot = process.getuid?.() !== 0 && 'becoming another user needs root';
const other = 61_001;
const capacity = 64;
const body = { profile: 'device', name: 'name' };

/** Asks for a secret from a process of another user. @returns what came of it, once anything did */
function askAs(uid: number, test: TestContext, { directory }: Bus): { readonly outcome: () => string } {
  const program = `
    const { BusClient } = await import(${JSON.stringify(import.meta.resolve('../../src/bus/client.ts'))});
    const { openSecretMemory } = await import(${JSON.stringify(import.meta.resolve('../../src/memory/secret-memory.ts'))});
    const memory = openSecretMemory();
    process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
    const options = { memory, runtimeDirectory: ${JSON.stringify(directory)}, suite: ${JSON.stringify(suite)} };
    const client = await BusClient.connect(options);
    const answer = client.request('secret-get', ${JSON.stringify(body)}, undefined, { timeoutMs: 60_000 });
    answer.then(() => console.log('answered'), ({ code }) => console.log(code)).finally(() => process.exit());`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  test.after(() => child.kill());
  let outcome = '';
  child.stdout.on('data', (chunk: Buffer) => {
    outcome += chunk.toString().trim();
  });
  return { outcome: () => outcome };
}

describe('the queue of a daemon that has stopped reading', () => {
  it('is not filled by one user alone: another gets a place in it', { skip: notRoot }, async (test) => {
    const bus = await startBus(test, {
      socketMode: 0o666,
      limits: { ...limits, channelCapacity: capacity, slowSubscriberTimeoutMs: 60_000 },
    });
    chmodSync(bus.directory, 0o755);
    const key = new KeyFiles(memory, busPaths(bus.directory).keys, 'daemon-secrets').replace();
    const daemon = await RawPeer.open(test, bus.directory, key);
    daemon.send({ type: 'request', kind: 'bus-subscribe', level: 'open', body: encodeCbor({ kinds: [] }) });
    await daemon.next();
    daemon.socket.pause();

    const flood = await Promise.all(Array.from({ length: 40 }, () => bus.connect()));
    const value = Buffer.alloc(20_000);
    const codes: string[] = [];
    for (const client of flood)
      for (let count = 0; count < 4; count += 1)
        client.request('secret-set', body, value).catch(({ code, message }) => codes.push(`${code}: ${message}`));
    await until(() => codes.some((code) => code.includes('uid 0 has its share')));
    assert.ok(!codes.some((code) => code.includes('queue is full')), 'there is room left');

    const modest = askAs(other, test, bus);
    await until(() => bus.server.connections === flood.length + 2);
    await sleep(200);
    assert.equal(modest.outcome(), '', 'it waits in the queue');
    daemon.socket.resume();
    await until(() => daemon.received.some(({ header }) => header.kind === 'secret-get'));
    daemon.socket.destroy();
  });
});
