// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BusClient, type BusClientOptions } from '../../src/bus/client.ts';
import { connectSocket } from '../../src/bus/connect.ts';
import { decodeEnvelope, type Envelope, type Header, withPlaintext } from '../../src/bus/envelope.ts';
import { FrameReader, sealFrame } from '../../src/bus/frame.ts';
import type { Handlers } from '../../src/bus/handler.ts';
import { initiate, type Session } from '../../src/bus/handshake.ts';
import { HeaderWriter, type Message } from '../../src/bus/headers.ts';
import { busPaths, KeyFiles, type KeyPair, readPublicKey } from '../../src/bus/keys.ts';
import { type BusLimits, BusServer, type BusServerOptions } from '../../src/bus/server.ts';
import { systemClock } from '../../src/core/clock.ts';
import { assert } from '../../src/core/errors.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { generateKeyPair } from '../../src/crypto/noise.ts';
import { peerCredentials } from '../../src/linux/peer.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

export const memory = openSecretMemory({ pooledPages: 0 });
export const suite = { cipher: 'chacha-poly', hash: 'blake2s' } as const;

export const limits: BusLimits = {
  channelCapacity: 64,
  slowSubscriberTimeoutMs: 2000,
  ratePerSecond: 1_000_000,
  rateBurst: 1_000_000,
  graceSeconds: 60,
};

/** A directory that is gone when the test has ended. */
export function runtimeDirectory(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'open-sesame-bus-'));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Bus {
  readonly server: BusServer;
  readonly directory: string;
  readonly logger: RecordingLogger;
  connect(options?: Partial<BusClientOptions>): Promise<BusClient>;
  /** daemon-secrets, or another registered daemon. */
  connectDaemon(handlers: Handlers, options?: Partial<BusClientOptions>, name?: string): Promise<BusClient>;
}

/** A bus with clients that are administrators unless `identify` says otherwise; everything is closed when the test has ended. */
export async function startBus(test: TestContext, options: Partial<BusServerOptions> = {}): Promise<Bus> {
  const directory = options.runtimeDirectory ?? runtimeDirectory(test);
  const logger = new RecordingLogger();
  const server = new BusServer({
    memory,
    logger,
    clock: systemClock,
    runtimeDirectory: directory,
    suite,
    identify: () => ({ name: 'administrator', clearance: 'secrets-only' }),
    handlers: {},
    limits,
    ...options,
  });
  await server.listen();
  const connect = async (more: Partial<BusClientOptions> = {}) => {
    const client = await BusClient.connect({ memory, runtimeDirectory: directory, suite, ...more });
    test.after(() => client.close());
    return client;
  };
  test.after(() => server.close());
  return {
    server,
    directory,
    logger,
    connect,
    connectDaemon: (handlers, more = {}, name = 'daemon-secrets') =>
      connect({ reconnect: true, keyFiles: new KeyFiles(memory, busPaths(directory).keys, name), handlers, ...more }),
  };
}

/** Waits until something holds; the test runner's time limit ends what never does. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(5);
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export function newKeyPair(): KeyPair {
  const { publicKey, privateKey } = generateKeyPair();
  return { publicKey, privateKey: memory.take(privateKey) };
}

/** A client that says what the real one never would. */
export class RawPeer {
  readonly socket: Socket;
  readonly headers = new HeaderWriter(systemClock);
  /** What arrived, attachments copied. */
  readonly received: Envelope[] = [];
  readonly #session: Session;
  readonly #frames: FrameReader;

  private constructor(socket: Socket, session: Session) {
    this.socket = socket;
    this.#session = session;
    this.#frames = new FrameReader(session.messages);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.once('close', () => session.transport.destroy());
    socket.resume();
  }

  /** @param test closes the connection when it has ended; without it the caller does */
  static async open(test: TestContext | undefined, directory: string, key = newKeyPair()): Promise<RawPeer> {
    const { socket: socketPath, publicKey } = busPaths(directory);
    const busKey = readPublicKey(publicKey);
    assert(busKey !== undefined, 'the bus has published its key');
    const socket = await connectSocket(socketPath);
    test?.after(() => socket.destroy());
    const session = await initiate(socket, { memory, suite, peer: peerCredentials(socket), key, busKey });
    key.privateKey.release();
    return new RawPeer(socket, session);
  }

  get closed(): boolean {
    return this.socket.destroyed;
  }

  send(message: Message, attachment?: Uint8Array): void {
    this.sendHeader(this.headers.write(message), attachment);
  }

  sendHeader(header: Header, attachment?: Uint8Array): void {
    withPlaintext(header, attachment, (plaintext) => this.sendPlaintext(plaintext));
  }

  sendPlaintext(plaintext: Uint8Array): void {
    this.socket.write(this.seal(plaintext));
  }

  /** The wire bytes of a frame; each takes a number of the sequence, so they have to be sent in this order. */
  seal(plaintext: Uint8Array): Buffer {
    return sealFrame(plaintext, (chunk) => this.#session.transport.encrypt(chunk));
  }

  /** The next envelope that arrives. */
  async next(): Promise<Envelope> {
    await until(() => this.received.length > 0 || this.closed);
    const envelope = this.received.shift();
    assert(envelope !== undefined, 'something arrives before the connection closes');
    return envelope;
  }

  #onData(chunk: Buffer): void {
    this.#frames.push(chunk);
    for (;;) {
      const plaintext = this.#frames.next((message) => this.#session.transport.decrypt(message));
      if (plaintext === undefined) return;
      this.received.push(decodeEnvelope(plaintext));
    }
  }
}
