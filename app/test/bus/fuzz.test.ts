// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodeCbor } from '../../src/bus/cbor.ts';
import { connectSocket } from '../../src/bus/connect.ts';
import { withPlaintext } from '../../src/bus/envelope.ts';
import { longestFrame, prefixed } from '../../src/bus/frame.ts';
import { prologue } from '../../src/bus/handshake.ts';
import { busPaths, readPublicKey } from '../../src/bus/keys.ts';
import { requests } from '../../src/bus/messages.ts';
import { isRequestKind } from '../../src/bus/validation.ts';
import { securityLevels } from '../../src/core/clearance.ts';
import type { Logger } from '../../src/core/log.ts';
import { generateKeyPair, IkInitiator } from '../../src/crypto/noise.ts';
import { type Random, rounds, seededRandom } from '../support/campaign.ts';
import { type Bus, memory, RawPeer, startBus, suite, until } from './fixture.ts';

/** How many cases in all; each kind of attack gets its share. */
const cases = Number(process.env['FUZZ_CASES'] ?? rounds(2_000, 100_000));
const handshakesShare = 0.1;
/** What is reachable may grow by this much, in bytes: compiled code and caches, not something a case. */
const growthAllowed = 4_194_304;

const answeredKinds = ['secret-get', 'secret-set', 'profile-list', 'bus-subscribe'];
const allKinds = [...Object.keys(requests), 'constructor', '__proto__', ''];
const named = { profile: 'device', name: 'mqtt/password' };

function bytesOf(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[random.below(values.length)];
  assert.ok(value !== undefined);
  return value;
}

/** A few bytes changed, put in, cut out or doubled. */
function mutated(random: Random, valid: Buffer): Buffer {
  let bytes = Buffer.from(valid);
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    const at = random.below(bytes.length + 1);
    const length = 1 + random.below(8);
    switch (random.below(5)) {
      case 0:
        if (at < bytes.length) bytes.writeUInt8(random.below(256), at);
        break;
      case 1:
        if (at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytesOf(random, length), bytes.subarray(at)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes]);
    }
  }
  return bytes;
}

/** A length that a decoder may get wrong. */
function oddLength(random: Random): number {
  return pick(random, [
    0,
    1,
    3,
    4,
    5,
    15,
    16,
    17,
    47,
    48,
    49,
    95,
    96,
    97,
    65_535,
    65_536,
    longestFrame,
    0x7fff_ffff,
    0xffff_ffff,
    random.below(300),
  ]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** What somebody sends who does not know the protocol, or knows it a little. */
function beforeHandshake(random: Random, message1: Buffer): Buffer {
  switch (random.below(5)) {
    case 0:
      return bytesOf(random, random.below(200));
    case 1:
      return Buffer.concat([u32(oddLength(random)), bytesOf(random, random.below(150))]);
    case 2:
      return prefixed(bytesOf(random, random.below(257)));
    case 3:
      return mutated(random, prefixed(message1));
    default:
      // A replay, with something behind it that cannot be authentic.
      return Buffer.concat([prefixed(message1), prefixed(u32(1)), prefixed(bytesOf(random, 16 + random.below(200)))]);
  }
}

/** A plaintext in a frame that decrypts: the last line of defence is what reads it. */
function plaintext(random: Random, peer: RawPeer): Buffer {
  const kind = pick(random, random.below(2) === 0 ? answeredKinds : allKinds);
  const level = isRequestKind(kind) && random.below(4) > 0 ? requests[kind].level : pick(random, securityLevels);
  const type = random.below(4) > 0 ? 'request' : pick(random, ['reply', 'error', 'event'] as const);
  const validBody = Buffer.from(
    encodeCbor(pick(random, [named, {}, { profile: 'device', limit: 5 }, { kinds: ['vault-changed'] }])),
  );
  const body = pick(random, [validBody, mutated(random, validBody), bytesOf(random, random.below(60))]);
  const header = peer.headers.write({
    type,
    kind,
    level,
    body,
    ...(random.below(3) === 0 && { correlation: peer.headers.sender }),
  });
  const attachment = random.below(3) === 0 ? bytesOf(random, random.below(100)) : undefined;
  const valid = withPlaintext(header, attachment, (whole) => Buffer.from(whole));
  switch (random.below(20)) {
    case 0:
      return mutated(random, valid);
    case 1:
      return mutated(random, valid.subarray(5 + random.below(5)));
    case 2:
      return bytesOf(random, random.below(100));
    default:
      return valid;
  }
}

/** Wire bytes of somebody with a session: frames that decrypt, and some that were meddled with on the way. */
function afterHandshake(random: Random, peer: RawPeer): Buffer {
  const frame = peer.seal(plaintext(random, peer));
  switch (random.below(30)) {
    case 0:
      return mutated(random, frame);
    case 1:
      return Buffer.concat([prefixed(u32(oddLength(random))), frame.subarray(8)]);
    case 2:
      return Buffer.concat([u32(4), u32(1), u32(oddLength(random)), frame.subarray(12)]);
    default:
      return frame;
  }
}

function newMessage1(directory: string): Buffer {
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

/** Sends, in pieces of any size, and hangs up. */
async function throwAt(socket: Socket, random: Random, bytes: Buffer): Promise<void> {
  const cut = random.below(bytes.length + 1);
  socket.write(bytes.subarray(0, cut));
  socket.resume();
  await new Promise<void>((resolve) => socket.write(bytes.subarray(cut), () => resolve()));
}

/** Until something holds, but for a moment only: half a frame is answered by nothing. Both ends are in this process. */
async function settled(holds: () => boolean): Promise<boolean> {
  for (let turns = 0; turns < 25; turns += 1) {
    if (holds()) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}

async function attackBeforeHandshake(bus: Bus, random: Random, count: number): Promise<void> {
  const message1 = newMessage1(bus.directory);
  for (let index = 0; index < count; index += 1) {
    const socket = await connectSocket(busPaths(bus.directory).socket);
    await throwAt(socket, random, beforeHandshake(random, message1));
    socket.destroy();
  }
}

/** @returns how many cases the bus answered, which shows that they reached it */
async function attackAfterHandshake(bus: Bus, random: Random, count: number): Promise<number> {
  let peer: RawPeer | undefined;
  let answered = 0;
  for (let index = 0; index < count; index += 1) {
    if (peer === undefined || peer.closed) peer = await RawPeer.open(undefined, bus.directory);
    const { received, socket } = peer;
    await throwAt(socket, random, afterHandshake(random, peer));
    // What waits for the rest of a frame would swallow the next case.
    if (!(await settled(() => received.length > 0 || socket.destroyed))) socket.destroy();
    answered += received.splice(0).length;
  }
  peer?.socket.destroy();
  return answered;
}

/** After a collection, so that only what somebody still holds is counted. */
function reachableBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Keeps errors, and nothing that every case brings. */
function errorsOnly(kept: string[]): Logger {
  return {
    error: (message, fields) => kept.push(`${message} ${JSON.stringify(fields)}`),
    warn: () => undefined,
    info: () => undefined,
    debug: () => undefined,
  };
}

describe('the bus under fuzzing', () => {
  const random = seededRandom();

  it(`survives ${cases} cases of seed ${random.seed}, serves good clients meanwhile, and leaks nothing`, async (test) => {
    test.diagnostic(`seed ${random.seed}`);
    const unexpected: string[] = [];
    const bus = await startBus(test, {
      logger: errorsOnly(unexpected),
      handlers: { 'profile-list': async () => ({ body: { profiles: [] } }), 'profile-activate': async () => ({ body: {} }) },
    });
    const set: number[] = [];
    await bus.connectDaemon({
      'secret-get': async () => ({ body: {}, attachment: memory.take(Buffer.from('value')) }),
      'secret-set': async ({ attachment }) => {
        set.push(attachment?.length ?? -1);
        return { body: { created: true } };
      },
    });
    const good = await bus.connect();
    const serve = async () => {
      const { attachment } = await good.request('secret-get', named);
      assert.equal(attachment?.bytes.toString(), 'value');
      attachment?.release();
    };
    await serve();
    const rest = { connections: bus.server.connections, pages: memory.status().pagesInUse };
    let reachable = 0;
    let answered = 0;
    for (let part = 0; part < 10; part += 1) {
      await attackBeforeHandshake(bus, random, (cases * handshakesShare) / 10);
      answered += await attackAfterHandshake(bus, random, (cases * (1 - handshakesShare)) / 10);
      await serve();
      if (part === 1) reachable = reachableBytes();
    }
    await until(() => bus.server.connections === rest.connections && bus.server.unfinishedHandshakes === 0);
    await until(() => memory.status().pagesInUse === rest.pages);
    await (await bus.connect()).request('profile-list', {});
    test.diagnostic(`reachable memory grew by ${reachableBytes() - reachable} bytes`);
    test.diagnostic(`${answered} cases were answered, ${set.length} values were set`);
    assert.ok(answered > cases / 2, 'the cases reach the bus');
    assert.ok(reachableBytes() - reachable < growthAllowed, 'memory is bounded');
    assert.deepEqual(unexpected, []);
  });
});
