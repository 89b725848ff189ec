// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { connectSocket } from '../../src/bus/connect.ts';
import { withPlaintext } from '../../src/bus/envelope.ts';
import { sealFrame } from '../../src/bus/frame.ts';
import { initiate, prologue, type Session } from '../../src/bus/handshake.ts';
import { HeaderWriter } from '../../src/bus/headers.ts';
import { type RequestKind, requests } from '../../src/bus/messages.ts';
import { systemClock } from '../../src/core/clock.ts';
import { generateKeyPair, IkInitiator } from '../../src/crypto/noise.ts';
import { memoryUsage } from '../../src/linux/memory-usage.ts';
import { peerCredentials } from '../../src/linux/peer.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { rounds, seededRandom } from '../support/campaign.ts';
import { connectClient, readSecret } from '../support/client.ts';
import { type DaemonName, type Device, password, startDevice } from '../support/device.ts';

const cases = rounds(3_000, 100_000);
const suite = { cipher: 'chacha-poly', hash: 'blake2s' } as const;
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const kinds = Object.keys(requests).filter((kind): kind is RequestKind => Object.hasOwn(requests, kind));

/** Open for as long as the server leaves it open, at most this long after the last byte, in ms. */
const patienceMs = 20;

describe(`the front end from the socket, in ${cases} cases`, () => {
  const random = seededRandom();
  const memory = openSecretMemory();
  let device: Device;

  before(async () => {
    device = await startDevice('[global.rate_limit]\nper_second = 100000\nburst = 100000\n[global.logging]\nlevel = "error"\n');
    await device.initialise();
    await device.must(['secret', 'set', '-p', 'device', 'kept'], 'value');
  });

  after(() => device.dispose());

  const socketPath = () => join(device.runtimeDirectory, 'bus.sock');
  const busKey = () => readFileSync(join(device.runtimeDirectory, 'bus.pub'));
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[random.below(items.length)];
    assert.ok(item !== undefined);
    return item;
  };
  const bytes = (longest: number): Buffer => randomBytes(random.below(longest + 1));

  /** The bytes with one to four of them changed, removed or added, or cut off. */
  function mutated(original: Buffer): Buffer {
    let result = Buffer.from(original);
    for (let times = 1 + random.below(4); times > 0; times -= 1) {
      const at = random.below(result.length + 1);
      switch (random.below(4)) {
        case 0:
          if (at < result.length) result.writeUInt8(random.below(256), at);
          break;
        case 1:
          result = Buffer.concat([result.subarray(0, at), bytes(8), result.subarray(at)]);
          break;
        case 2:
          result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + random.below(8))]);
          break;
        default:
          if (random.below(4) === 0) result = result.subarray(0, at);
      }
    }
    return result;
  }

  function prefixedBy(length: number, content: Buffer): Buffer {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(length >>> 0);
    return Buffer.concat([prefix, content]);
  }

  /** Sends and waits until the server closes, or a moment. */
  async function send(data: Buffer): Promise<void> {
    const socket = createConnection(socketPath());
    socket.on('error', () => undefined); // being thrown out is one of the right answers
    socket.resume();
    socket.end(data);
    await closed(socket);
  }

  function closed(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.destroy(), patienceMs);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  function firstMessage(): Buffer {
    const { publicKey, privateKey } = generateKeyPair();
    const self = { pid: process.pid, uid: process.geteuid?.() ?? 0 };
    const server = { pid: device.pid('daemon-profile'), uid: self.uid };
    const initiator = new IkInitiator({
      memory,
      suite,
      prologue: prologue(self, server),
      staticKey: { publicKey, privateKey },
      remotePublicKey: busKey(),
    });
    const message = initiator.writeMessage1(Buffer.alloc(0));
    initiator.destroy();
    return prefixedBy(message.length, message);
  }

  async function session(): Promise<{ socket: Socket; session: Session }> {
    const socket = await connectSocket(socketPath());
    const { publicKey, privateKey } = generateKeyPair();
    const key = { publicKey, privateKey: memory.take(privateKey) };
    try {
      return { socket, session: await initiate(socket, { memory, suite, peer: peerCredentials(socket), key, busKey: busKey() }) };
    } finally {
      key.privateKey.release();
    }
  }

  /** A body that fits no schema, or by chance one. */
  function anything(depth = 3): unknown {
    switch (random.below(depth > 0 ? 8 : 6)) {
      case 0:
        return random.below(2 ** 32);
      case 1:
        return bytes(40).toString('latin1');
      case 2:
        return pick(['device', 'name', '../../etc', '', '__proto__', 'constructor']);
      case 3:
        return null;
      case 4:
        return random.below(2) === 0;
      case 5:
        return new Uint8Array(bytes(40));
      case 6:
        return Array.from({ length: random.below(5) }, () => anything(depth - 1));
      default:
        return Object.fromEntries(
          Array.from({ length: random.below(5) }, () => [
            pick(['profile', 'name', 'evidence', 'limit', 'after', 'durable', '__proto__', 'x']),
            anything(depth - 1),
          ]),
        );
    }
  }

  /** A plaintext as a client that is broken, or hostile, would make it. */
  function plaintext(headers: HeaderWriter): Buffer {
    const kind = pick(kinds);
    const header = headers.write({ type: 'request', kind, level: requests[kind].level, body: encodeCbor(anything()) });
    const attachment = random.below(2) === 0 ? undefined : bytes(200);
    const whole = withPlaintext(header, attachment, (made) => Buffer.from(made));
    return random.below(3) === 0 ? whole : mutated(whole);
  }

  /** Resolves when the server has answered something, has closed, or does neither for a moment. */
  function answered(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        socket.off('data', settle).off('close', settle);
        resolve();
      };
      const timer = setTimeout(settle, patienceMs);
      socket.on('data', settle).on('close', settle);
    });
  }

  /** Frames on one connection, each looked at by the server before the next, until it closes or there were 50. */
  async function conversation(): Promise<number> {
    const {
      socket,
      session: { transport },
    } = await session();
    const headers = new HeaderWriter(systemClock);
    socket.resume();
    let sent = 0;
    while (sent < 50 && !socket.destroyed && socket.writable) {
      const frame = sealFrame(plaintext(headers), (chunk) => transport.encrypt(chunk));
      const answer = answered(socket);
      socket.write(random.below(12) === 0 ? mutated(frame) : frame);
      await answer;
      sent += 1;
    }
    socket.destroy();
    transport.destroy();
    return sent;
  }

  it('leaves both daemons serving, without a descriptor, a page or memory lost', async (context) => {
    context.diagnostic(`seed ${random.seed}`);
    const descriptors = () => daemons.map((name) => readdirSync(`/proc/${device.pid(name)}/fd`).length);
    const before = descriptors();
    let done = 0;
    const spent = { garbage: 0, handshakes: 0, frames: 0 };
    while (done < cases) {
      const choice = random.below(20);
      if (choice === 0) {
        await send(
          random.below(2) === 0 ? bytes(2000) : prefixedBy(pick([0, 1, 95, 96, 97, 256, 257, 65_536, 2 ** 32 - 1]), bytes(300)),
        );
        spent.garbage += 1;
        done += 1;
      } else if (choice === 1) {
        const first = firstMessage();
        await send(random.below(4) === 0 ? Buffer.concat([first, bytes(400)]) : mutated(first));
        spent.handshakes += 1;
        done += 1;
      } else {
        const sent = await conversation();
        spent.frames += sent;
        done += sent;
      }
    }
    context.diagnostic(`${spent.garbage} × garbage, ${spent.handshakes} × handshakes, ${spent.frames} × frames`);

    for (const name of daemons) assert.ok(device.running(name), `seed ${random.seed}: ${name} runs\n${device.log(name)}`);
    // Among so many messages some are well-formed, and this client may lock a vault.
    await device.sesame(['unlock', '-p', 'device', '--password-stdin'], `${password}\n`);
    const client = await connectClient(device);
    assert.equal((await readSecret(client, 'device', 'kept')).toString(), 'value', `seed ${random.seed}`);
    await client.close();
    await device.eventually(
      `seed ${random.seed}: every descriptor is given back`,
      () => descriptors().every((now, index) => now <= (before[index] ?? 0)),
      15_000,
    );
    for (const name of daemons)
      assert.ok(memoryUsage(device.pid(name)).anonymousKb < 32_768, `seed ${random.seed}: ${name} stays below 32 MB`);
    await device.must(['audit', 'verify']);
  });
});
