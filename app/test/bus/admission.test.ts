// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connectSocket } from '../../src/bus/connect.ts';
import { prefixed } from '../../src/bus/frame.ts';
import { prologue, refusals } from '../../src/bus/handshake.ts';
import { busPaths, readPublicKey } from '../../src/bus/keys.ts';
import { generateKeyPair, IkInitiator } from '../../src/crypto/noise.ts';
import { failsWith } from '../support/failures.ts';
import { memory, newKeyPair, RawPeer, sleep, startBus, suite, until } from './fixture.ts';

const handlers = { 'profile-list': async () => ({ body: { profiles: [] } }) };

/** What the server says until it closes. */
async function answerOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  await until(() => socket.destroyed);
  return Buffer.concat(chunks);
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Message 1 of a valid handshake of this process. */
function message1(directory: string): Buffer {
  const busKey = readPublicKey(busPaths(directory).publicKey);
  assert.ok(busKey !== undefined);
  const us = { pid: process.pid, uid: process.geteuid?.() ?? 0 };
  const initiator = new IkInitiator({
    memory,
    suite,
    prologue: prologue(us, us),
    staticKey: generateKeyPair(),
    remotePublicKey: busKey,
  });
  const message = initiator.writeMessage1(Buffer.alloc(0));
  initiator.destroy();
  return message;
}

describe('a handshake', () => {
  it('that stalls is refused when its time is over', async (test) => {
    const bus = await startBus(test, { handshakeTimeLimitMs: 60 });
    // Before the connection, which the server may see sooner than this side does.
    const startedAt = performance.now();
    const socket = await connectSocket(busPaths(bus.directory).socket);
    assert.deepEqual(await answerOf(socket), prefixed(Buffer.of(refusals['handshake-failed'])));
    assert.ok(performance.now() - startedAt >= 55);
    assert.equal(bus.server.unfinishedHandshakes, 0);
  });

  it('that comes byte by byte is refused when its time is over', async (test) => {
    const bus = await startBus(test, { handshakeTimeLimitMs: 100 });
    const socket = await connectSocket(busPaths(bus.directory).socket);
    const stream = prefixed(message1(bus.directory));
    const dripping = setInterval(() => socket.write(stream.subarray(0, 1)), 10);
    const answer = await answerOf(socket);
    clearInterval(dripping);
    assert.deepEqual(answer, prefixed(Buffer.of(refusals['handshake-failed'])));
  });

  it('whose end arrives after its time is over leaves no secret page in use', async (test) => {
    const bus = await startBus(test, { handshakeTimeLimitMs: 40 });
    const { pagesInUse } = memory.status();
    const socket = await connectSocket(busPaths(bus.directory).socket);
    const stream = prefixed(message1(bus.directory));
    socket.write(stream.subarray(0, 50));
    await sleep(45);
    socket.write(stream.subarray(50));
    await answerOf(socket);
    assert.equal(memory.status().pagesInUse, pagesInUse);
    assert.equal(bus.server.connections, 0);
  });

  it('with one byte changed is refused', async (test) => {
    const bus = await startBus(test);
    const { pagesInUse } = memory.status();
    for (const at of [0, 31, 40, 80, 95]) {
      const message = message1(bus.directory);
      message.writeUInt8(message.readUInt8(at) ^ 1, at);
      const socket = await connectSocket(busPaths(bus.directory).socket);
      socket.write(prefixed(message));
      assert.deepEqual(await answerOf(socket), prefixed(Buffer.of(refusals['handshake-failed'])));
    }
    assert.equal(memory.status().pagesInUse, pagesInUse);
  });

  it('with a message longer than any handshake is refused at its length', async (test) => {
    const bus = await startBus(test);
    const socket = await connectSocket(busPaths(bus.directory).socket);
    socket.write(Buffer.from('ffffffff', 'hex'));
    assert.deepEqual(await answerOf(socket), prefixed(Buffer.of(refusals['handshake-failed'])));
  });

  it('that is replayed gets nothing said and nothing done, and is nobody to whom requests go', async (test) => {
    const bus = await startBus(test, { handlers });
    await bus.connectDaemon({ 'secret-get': async () => ({ body: {}, attachment: memory.take(Buffer.from('real')) }) });
    const message = message1(bus.directory);
    const first = await connectSocket(busPaths(bus.directory).socket);
    first.write(prefixed(message));
    const replay = await connectSocket(busPaths(bus.directory).socket);
    replay.write(prefixed(message));
    await until(() => bus.server.connections === 3);
    // Without the private keys the replayer cannot make a transport message that decrypts.
    replay.write(Buffer.concat([prefixed(Buffer.from([0, 0, 0, 1])), prefixed(Buffer.alloc(64, 7))]));
    await until(() => bus.server.connections === 2);
    const client = await bus.connect();
    const { attachment } = await client.request('secret-get', { profile: 'device', name: 'x' });
    assert.equal(attachment?.bytes.toString(), 'real');
    attachment?.release();
    first.destroy();
  });

  it('with a key that the bus does not have is refused, and the client says so', async (test) => {
    const bus = await startBus(test);
    const other = await startBus(test);
    cpSync(busPaths(other.directory).publicKey, busPaths(bus.directory).publicKey);
    await assert.rejects(bus.connect(), failsWith('handshake-failed'));
  });

  it('in another cipher suite is refused, and the client says so', async (test) => {
    const bus = await startBus(test);
    await assert.rejects(bus.connect({ suite: { cipher: 'aes-gcm', hash: 'sha256' } }), failsWith('handshake-failed'));
  });

  for (const cipher of ['chacha-poly', 'aes-gcm'] as const) {
    for (const hash of ['blake2s', 'sha256'] as const) {
      it(`with ${cipher} and ${hash} succeeds`, async (test) => {
        const bus = await startBus(test, { handlers, suite: { cipher, hash } });
        await (await bus.connect({ suite: { cipher, hash } })).request('profile-list', {});
      });
    }
  }
});

describe('the prologue', () => {
  it('has the lower pid first, whoever asks', () => {
    const expected = Buffer.from('PDS-IPC-v1:7:1000:4100:0');
    assert.deepEqual(prologue({ pid: 7, uid: 1000 }, { pid: 4100, uid: 0 }), expected);
    assert.deepEqual(prologue({ pid: 4100, uid: 0 }, { pid: 7, uid: 1000 }), expected);
  });
});

describe('silent connections', () => {
  it('500 at once keep nobody out, and at most 64 of them are kept', async (test) => {
    const bus = await startBus(test, { handlers });
    const client = await bus.connect();
    const silent: Socket[] = [];
    for (let count = 0; count < 500; count += 1) silent.push(await connectSocket(busPaths(bus.directory).socket));
    await client.request('profile-list', {});
    await (await bus.connect()).request('profile-list', {});
    await until(() => bus.server.unfinishedHandshakes <= 64);
    for (const socket of silent) socket.destroy();
    await until(() => bus.server.unfinishedHandshakes === 0);
  });

  it('leave no descriptor and no secret page behind', async (test) => {
    const bus = await startBus(test, { handlers });
    await (await bus.connect()).close();
    await until(() => bus.server.connections === 0);
    const before = [openDescriptors(), memory.status().pagesInUse];
    for (let count = 0; count < 200; count += 1) (await connectSocket(busPaths(bus.directory).socket)).destroy();
    await until(() => bus.server.unfinishedHandshakes === 0);
    await sleep(20);
    assert.deepEqual([openDescriptors(), memory.status().pagesInUse], before);
  });

  it('after their handshake are counted, and one uid cannot take all places', async (test) => {
    const bus = await startBus(test, { handlers });
    const daemon = await bus.connectDaemon({});
    const peers: RawPeer[] = [];
    for (let count = 0; count < 128; count += 1) peers.push(await RawPeer.open(test, bus.directory));
    const refused = await bus.connect();
    await assert.rejects(refused.request('profile-list', {}), failsWith('daemon-busy'));
    await daemon.request('profile-list', {});
    peers[0]?.socket.destroy();
    await until(() => bus.server.connections === 128);
    await (await bus.connect()).request('profile-list', {});
  });
});

describe('a user that matches no client', () => {
  it('is refused before the handshake, and the client says so', async (test) => {
    const refused: number[] = [];
    const bus = await startBus(test, { identify: () => undefined, observer: { clientRefused: ({ uid }) => refused.push(uid) } });
    await assert.rejects(bus.connect(), { code: 'client-refused', parameters: { uid: process.getuid?.() } });
    assert.deepEqual(refused, [process.getuid?.()]);
    assert.equal(bus.server.unfinishedHandshakes, 0);
  });

  it('is told so after the handshake where only a key would have made it one', async (test) => {
    const key = newKeyPair();
    const known = key.publicKey.toString('hex');
    const bus = await startBus(test, {
      handlers,
      identify: (_, publicKey) =>
        publicKey === undefined || publicKey.toString('hex') === known ? { name: 'by key', clearance: 'internal' } : undefined,
    });
    await assert.rejects((await bus.connect()).request('profile-list', {}), failsWith('client-refused'));
    await (await bus.connect({ key })).request('profile-list', {});
    key.privateKey.release();
  });

  it('fills no log, however often it tries', async (test) => {
    const bus = await startBus(test, { identify: () => undefined });
    for (let count = 0; count < 100; count += 1) await assert.rejects(bus.connect(), failsWith('client-refused'));
    assert.equal(bus.logger.lines.filter(({ level }) => level === 'warn').length, 1);
  });

  const notRoot = process.getuid?.() !== 0 && 'becoming another user needs root';
  it('is recognised by the kernel\u2019s word, not its own', { skip: notRoot }, async (test) => {
    const bus = await startBus(test, {
      socketMode: 0o666,
      handlers,
      identify: ({ uid }) => (uid === 0 ? { name: 'root', clearance: 'secrets-only' } : undefined),
    });
    chmodSync(bus.directory, 0o755);
    assert.equal(await requestAs(0, bus.directory), 'answered');
    assert.equal(await requestAs(65_534, bus.directory), 'client-refused uid 65534');
  });
});

/** Asks for the profiles from a process of another user, and returns what came of it. */
async function requestAs(uid: number, directory: string): Promise<string> {
  const program = `
    const { BusClient } = await import(${JSON.stringify(import.meta.resolve('../../src/bus/client.ts'))});
    const { openSecretMemory } = await import(${JSON.stringify(import.meta.resolve('../../src/memory/secret-memory.ts'))});
    const memory = openSecretMemory();
    process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
    try {
      const client = await BusClient.connect({ memory, runtimeDirectory: ${JSON.stringify(directory)}, suite: ${JSON.stringify(suite)} });
      await client.request('profile-list', {});
      await client.close();
      console.log('answered');
    } catch (error) {
      console.log(error.code, 'uid', error.parameters?.uid);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  await once(child, 'close');
  return output.trim();
}

describe('an identification that fails', () => {
  it('refuses the connection and harms nobody else', async (test) => {
    let broken = true;
    const bus = await startBus(test, {
      handlers,
      identify: () => {
        if (broken) throw new TypeError('a bug in the configuration');
        return { name: 'client', clearance: 'internal' };
      },
    });
    await assert.rejects(bus.connect());
    broken = false;
    await (await bus.connect()).request('profile-list', {});
  });
});
