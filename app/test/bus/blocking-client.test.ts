// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Handlers } from '../../src/bus/handler.ts';
import type { Asked, Outcome } from './blocking-client-process.ts';
import { memory, runtimeDirectory, sleep, startBus } from './fixture.ts';

const program = join(import.meta.dirname, 'blocking-client-process.ts');

async function ask(directory: string, ...asked: Asked[]): Promise<Outcome[]> {
  const words = ['--disable-warning=ExperimentalWarning', program, directory, JSON.stringify(asked)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(child, 'close');
  return JSON.parse(text);
}

function codes(outcomes: readonly Outcome[]): (string | null)[] {
  return outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.attachment));
}

/** Keeps the last value that was set. */
function vault(): Handlers {
  let value = Buffer.alloc(0);
  return {
    'secret-set': async ({ attachment }) => {
      value = Buffer.from(attachment?.bytes ?? []);
      return { body: { created: true } };
    },
    'secret-get': async () => ({ body: {}, attachment: memory.take(Buffer.from(value)) }),
  };
}

/** Something at the place of the bus that is none, with a public key beside it. */
async function startImpostor(test: TestContext, act: (socket: Socket) => void): Promise<string> {
  const directory = runtimeDirectory(test);
  writeFileSync(join(directory, 'bus.pub'), Buffer.alloc(32, 9));
  const server = createServer(act);
  test.after(() => server.close());
  await once(server.listen(join(directory, 'bus.sock')), 'listening');
  return directory;
}

describe('a client that blocks', () => {
  it('asks one thing after the other, whatever the length', async (test) => {
    const bus = await startBus(test);
    await bus.connectDaemon(vault());
    for (const set of [0, 1, 65_537, 130_000])
      assert.deepEqual(codes(await ask(bus.directory, { set }, { get: true })), [null, '07'.repeat(set)]);
  });

  it('gets the errors of a daemon', async (test) => {
    const bus = await startBus(test);
    await bus.connectDaemon({});
    assert.deepEqual(codes(await ask(bus.directory, { get: true }, { get: true })), ['message-unknown', 'message-unknown']);
  });

  it('waits no longer than it was told to, and does not take the late answer for the next one', async (test) => {
    const bus = await startBus(test);
    const handlers = vault();
    await bus.connectDaemon({
      ...handlers,
      'secret-set': async (request) => {
        const reply = await handlers['secret-set']?.(request);
        await sleep(400);
        return reply ?? { body: { created: false } };
      },
    });
    const outcomes = await ask(bus.directory, { set: 3, timeoutMs: 100 }, { get: true });
    assert.deepEqual(codes(outcomes), ['request-timed-out', '070707']);
  });

  it('notices that the bus is gone', async (test) => {
    const bus = await startBus(test, {
      handlers: {
        'profile-list': async () => {
          setTimeout(() => void bus.server.close(), 10);
          return { body: { profiles: [] } };
        },
      },
    });
    await bus.connectDaemon({ 'secret-get': async () => await new Promise(() => undefined) });
    const [first, second] = codes(await ask(bus.directory, { list: true }, { get: true }));
    assert.equal(first, null);
    assert.ok(second === 'connection-closed' || second === 'daemon-unreachable', `${second}`);
  });

  it('says that there is no bus', async (test) => {
    const directory = runtimeDirectory(test);
    assert.deepEqual(codes(await ask(directory)), ['daemon-unreachable']);
    writeFileSync(join(directory, 'bus.pub'), Buffer.alloc(32, 9));
    const [outcome] = await ask(directory);
    assert.match(outcome !== undefined && 'message' in outcome ? outcome.message : '', /there is no such socket/);
  });

  it('says that a path is too long for a socket', async (test) => {
    const directory = join(runtimeDirectory(test), 'x'.repeat(120));
    mkdirSync(directory);
    writeFileSync(join(directory, 'bus.pub'), Buffer.alloc(32, 9));
    assert.deepEqual(codes(await ask(directory)), ['daemon-unreachable']);
  });

  it('refuses a bus with another key', async (test) => {
    const bus = await startBus(test);
    writeFileSync(join(bus.directory, 'bus.pub'), Buffer.alloc(32, 9));
    assert.deepEqual(codes(await ask(bus.directory)), ['handshake-failed']);
  });

  it('refuses what is no bus', async (test) => {
    const closing = await startImpostor(test, (socket) => socket.end());
    assert.deepEqual(codes(await ask(closing)), ['handshake-failed']);
    const talking = await startImpostor(test, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    assert.deepEqual(codes(await ask(talking)), ['handshake-failed']);
  });

  it('is told that it may not connect', async (test) => {
    const bus = await startBus(test, { identify: () => undefined });
    assert.deepEqual(codes(await ask(bus.directory)), ['client-refused']);
  });
});
