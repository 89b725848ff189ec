// SPDX-License-Identifier: MIT
import { monotonicMs, systemClock } from '../core/clock.ts';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { generateEphemeral, type NoiseSuite, type NoiseTransport } from '../crypto/noise.ts';
import { BlockingSocket, SocketTimeout } from '../linux/blocking-socket.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { encodeCbor } from './cbor.ts';
import type { RequestOptions } from './client.ts';
import { decodeEnvelope, type Envelope, withPlaintext } from './envelope.ts';
import { FrameReader, MessageReader, prefixed, sealFrame } from './frame.ts';
import { beginInitiation, finishInitiation, handshakeTimeLimitMs, longestHandshakeMessage } from './handshake.ts';
import { HeaderWriter } from './headers.ts';
import { requestTable } from './message-table.generated.js';
import type { RequestBody, RequestKind } from './messages.ts';
import { busPaths, readPublicKey } from './public-key.ts';
import { type Reply, readReply } from './reply.ts';
import { busUnreachable, connectReason } from './unreachable.ts';
import { decodeError } from './wire-error.ts';

const defaultTimeoutMs = 10_000;
const readingLength = 65_536;
const noPayload = Buffer.alloc(0);

export interface BlockingClientOptions {
  readonly memory: SecretMemory;
  /** Where bus.pub is, and bus.sock unless `socketPath` says otherwise. */
  readonly runtimeDirectory: string;
  readonly socketPath?: string;
  readonly suite: NoiseSuite;
}

/** Asks the daemons. */
export interface Requester {
  request<Kind extends RequestKind>(
    kind: Kind,
    body: RequestBody<Kind>,
    attachment?: Uint8Array,
    options?: RequestOptions,
  ): Promise<Reply<Kind>>;
}

/**
 * An unregistered program's end of the bus that asks one thing after the other and does nothing else meanwhile, for commands that are over
 * in the time that the event loop and streams of BusClient take to start.
 */
export class BlockingClient implements Requester {
  readonly #memory: SecretMemory;
  readonly #socket: BlockingSocket;
  readonly #transport: NoiseTransport;
  readonly #messages: MessageReader;
  readonly #frames: FrameReader;
  readonly #headers = new HeaderWriter(systemClock);
  readonly #encrypt = (chunk: Uint8Array) => this.#transport.encrypt(chunk);
  readonly #decrypt = (message: Buffer) => this.#transport.decrypt(message);

  private constructor(memory: SecretMemory, socket: BlockingSocket, transport: NoiseTransport, messages: MessageReader) {
    this.#memory = memory;
    this.#socket = socket;
    this.#transport = transport;
    this.#messages = messages;
    this.#frames = new FrameReader(messages);
  }

  /** @throws SesameError daemon-unreachable, handshake-failed, client-refused, daemon-busy, key-file-damaged */
  static connect({ memory, runtimeDirectory, suite, socketPath }: BlockingClientOptions): BlockingClient {
    const paths = busPaths(runtimeDirectory);
    const path = socketPath ?? paths.socket;
    const busKey = readPublicKey(paths.publicKey);
    if (busKey === undefined) throw busUnreachable(path, `there is no ${paths.publicKey}`);
    const socket = BlockingSocket.connect(path);
    if (typeof socket === 'string') throw busUnreachable(path, connectReason(socket) ?? socket);
    const initiator = beginInitiation({ memory, suite, peer: socket.credentials(), key: generateEphemeral(), busKey });
    const messages = new MessageReader();
    try {
      const deadline = monotonicMs() + handshakeTimeLimitMs;
      socket.write(prefixed(initiator.writeMessage1(noPayload)), handshakeTimeLimitMs);
      const answer = waitFor(() => nextAnswer(messages), socket, messages, deadline);
      if (answer === undefined) throw handshakeFailed('the connection was closed');
      return new BlockingClient(memory, socket, finishInitiation(initiator, answer), messages);
    } catch (thrown) {
      socket.close();
      if (thrown instanceof SesameError) throw thrown;
      if (thrown instanceof SocketTimeout)
        throw busUnreachable(path, `no handshake within ${handshakeTimeLimitMs / 1000} s`, thrown);
      throw handshakeFailed('the connection was closed', thrown);
    } finally {
      initiator.destroy();
    }
  }

  /**
   * Asks the daemon that answers this kind. The attachment stays the caller's; that of the reply is the caller's to release.
   * @throws SesameError connection-closed, request-timed-out, frame-too-long, or what the daemon answers
   */
  async request<Kind extends RequestKind>(
    kind: Kind,
    body: RequestBody<Kind>,
    attachment?: Uint8Array,
    { timeoutMs = defaultTimeoutMs }: RequestOptions = {},
  ): Promise<Reply<Kind>> {
    const { answeredBy, level } = requestTable[kind];
    const header = this.#headers.write({ type: 'request', kind, level, body: encodeCbor(body) });
    const deadline = monotonicMs() + timeoutMs;
    try {
      const frame = withPlaintext(header, attachment, (plaintext) => sealFrame(plaintext, this.#encrypt));
      this.#socket.write(frame, timeoutMs);
      for (;;) {
        const reply = this.#receive(deadline, (envelope) => this.#replyTo(header.id, kind, envelope));
        if (reply === 'closed') throw SesameError.of('connection-closed', { daemon: 'daemon-profile', kind });
        if (reply !== undefined) return reply;
      }
    } catch (thrown) {
      if (thrown instanceof SocketTimeout)
        throw SesameError.of('request-timed-out', { daemon: answeredBy, kind, seconds: timeoutMs / 1000 }, thrown);
      if (thrown instanceof SesameError || systemErrorCode(thrown) === undefined) throw thrown;
      throw SesameError.of('connection-closed', { daemon: 'daemon-profile', kind }, thrown);
    }
  }

  close(): void {
    this.#transport.destroy();
    this.#socket.close();
  }

  /** @returns undefined for what is not the answer: one to a request that timed out, or a broadcast */
  #replyTo<Kind extends RequestKind>(id: string, kind: Kind, { header, attachment }: Envelope): Reply<Kind> | undefined {
    const { type, correlation, body } = header;
    // Without a correlation it is about the connection, which the server closes next.
    if (type === 'error' && correlation === undefined) throw decodeError(body);
    if ((type !== 'reply' && type !== 'error') || correlation !== id) return undefined;
    return readReply(this.#memory, kind, { type, body, attachment });
  }

  #receive<Result>(deadline: number, use: (envelope: Envelope) => Result): Result | 'closed' {
    const plaintext = waitFor(() => this.#frames.next(this.#decrypt), this.#socket, this.#messages, deadline);
    if (plaintext === undefined) return 'closed';
    try {
      return use(decodeEnvelope(plaintext));
    } finally {
      plaintext.fill(0);
    }
  }
}

/** What is too long for a handshake comes from something that is no bus. */
function nextAnswer(messages: MessageReader): Buffer | undefined {
  try {
    return messages.next(longestHandshakeMessage);
  } catch (thrown) {
    throw handshakeFailed(describe(thrown), thrown);
  }
}

/** @returns undefined at the end of what the other side sends */
function waitFor<Result>(
  next: () => Result | undefined,
  socket: BlockingSocket,
  messages: MessageReader,
  deadline: number,
): Result | undefined {
  for (;;) {
    const found = next();
    if (found !== undefined) return found;
    // The reader keeps what it is given.
    const chunk = Buffer.from(new ArrayBuffer(readingLength));
    const length = socket.read(chunk, deadline - monotonicMs());
    if (length === 0) return undefined;
    messages.push(chunk.subarray(0, length));
  }
}

function handshakeFailed(reason: string, cause?: unknown): SesameError {
  return SesameError.of('handshake-failed', { daemon: 'daemon-profile', reason }, cause);
}
