// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import { asSesameError, type SesameError } from '../core/errors.ts';
import type { NoiseTransport } from '../crypto/noise.ts';
import { decodeEnvelope, type Envelope, type Header, withPlaintext } from './envelope.ts';
import { FrameReader, sealFrame } from './frame.ts';
import type { Session } from './handshake.ts';

/** How long a channel that was ended may take to deliver what was sent, in milliseconds. */
const endTimeLimitMs = 2000;

export interface ChannelEvents {
  /** The plaintext behind the envelope is wiped as soon as this returns. */
  onEnvelope(envelope: Envelope): void;
  /** What arrived cannot be read, and nothing behind it can: nothing more is read. */
  onBroken(error: SesameError): void;
  /** Once, when the socket is closed and the keys are gone. */
  onClose(): void;
  /** A frame has arrived in part. @param held its bytes so far */
  onPartial?(held: number): void;
  /** Something that was sent has left this process. */
  onSent?(): void;
}

/** Envelopes over an encrypted socket. Frames are encrypted when they are sent, so that what waits for a slow reader holds no plaintext. */
export class Channel {
  readonly #socket: Socket;
  readonly #transport: NoiseTransport;
  readonly #frames: FrameReader;
  readonly #events: ChannelEvents;
  readonly #encrypt = (chunk: Uint8Array) => this.#transport.encrypt(chunk);
  readonly #decrypt = (message: Buffer) => this.#transport.decrypt(message);
  readonly #onSent = () => {
    this.#waiting -= 1;
    this.#events.onSent?.();
  };
  #waiting = 0;
  #paused = false;
  #finished = false;
  #reading = false;

  constructor(socket: Socket, session: Session, events: ChannelEvents) {
    this.#socket = socket;
    this.#transport = session.transport;
    this.#frames = new FrameReader(session.messages);
    this.#events = events;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.once('close', () => this.#onClose());
  }

  /** Starts to read, with what arrived behind the handshake. */
  start(): void {
    if (this.#closeIfGone()) return;
    this.#socket.resume();
    this.#read();
  }

  /** Frames that were sent and have not left this process. */
  get waiting(): number {
    // The callbacks come later than the fact.
    return this.#socket.writableLength === 0 ? 0 : this.#waiting;
  }

  /** Their length in bytes. */
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  /** Bytes of frames that have not arrived whole. */
  get held(): number {
    return this.#frames.held;
  }

  get closed(): boolean {
    return this.#finished || this.#socket.destroyed;
  }

  /**
   * Sends one envelope; after `end` or a close this does nothing.
   * @throws SesameError frame-too-long
   */
  send(header: Header, attachment: Uint8Array | undefined): void {
    if (this.closed || !this.#socket.writable) return;
    const frame = withPlaintext(header, attachment, (plaintext) => sealFrame(plaintext, this.#encrypt));
    this.#waiting += 1;
    this.#socket.write(frame, this.#onSent);
  }

  /** Leaves what arrives in the kernel, so that the sender has to wait. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
    this.#read();
  }

  /** Reads nothing more and closes when everything that was sent is delivered, or after two seconds. */
  end(): void {
    if (this.#finished || this.#closeIfGone()) return;
    this.#finished = true;
    this.#socket.end();
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), endTimeLimitMs);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  destroy(): void {
    this.#finished = true;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#finished) return;
    this.#frames.push(chunk);
    this.#read();
    if (this.held > 0) this.#events.onPartial?.(this.held);
  }

  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (!this.#paused && !this.#finished && this.#readFrame());
    } catch (thrown) {
      this.#socket.pause();
      this.#events.onBroken(asSesameError(thrown, 'the bus'));
    } finally {
      this.#reading = false;
    }
  }

  #readFrame(): boolean {
    const plaintext = this.#frames.next(this.#decrypt);
    if (plaintext === undefined) return false;
    try {
      this.#events.onEnvelope(decodeEnvelope(plaintext));
    } finally {
      plaintext.fill(0);
    }
    return true;
  }

  /** A socket may close between the handshake and the moment when somebody listens. */
  #closeIfGone(): boolean {
    if (!this.#socket.closed) return false;
    this.#onClose();
    return true;
  }

  #onClose(): void {
    this.#finished = true;
    this.#transport.destroy();
    this.#events.onClose();
  }
}
