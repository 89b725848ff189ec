// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';

/** The longest plaintext of one application frame, in bytes. */
export const longestFrame = 131_072;

/** The longest Noise message, in bytes (Noise Protocol Framework, revision 34, section 3). */
export const longestNoiseMessage = 65_535;

const tagLength = 16;
const longestChunk = longestNoiseMessage - tagLength;
const mostChunks = Math.ceil(longestFrame / longestChunk);

const lengthPrefix = 4;
const smallestBuffer = 512;
const nothing = Buffer.alloc(0);

/**
 * Splits a stream into its messages, each `u32 length || bytes`. What it holds is at most twice what arrived and was not taken
 * yet: a length that is announced but not sent costs nothing.
 */
export class MessageReader {
  #buffer: Buffer = nothing;
  #start = 0;
  #end = 0;
  #owned = false;

  /** Bytes that arrived and were not taken. */
  get held(): number {
    return this.#end - this.#start;
  }

  push(chunk: Buffer): void {
    if (this.held === 0) {
      this.#adopt(chunk, chunk.length, false);
      return;
    }
    if (!this.#owned || this.#buffer.length - this.#end < chunk.length) this.#grow(chunk.length);
    // Messages taken before are views of this buffer, so bytes are only ever added behind them, never moved.
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next message as a view, or undefined when it has not arrived whole.
   * @param limit the longest message that is allowed here, in bytes
   * @throws SesameError frame-too-long
   */
  next(limit: number): Buffer | undefined {
    if (this.held < lengthPrefix) return undefined;
    const length = this.#buffer.readUInt32BE(this.#start);
    if (length > limit) throw SesameError.of('frame-too-long', { length, limit });
    if (this.held < lengthPrefix + length) return undefined;
    const from = this.#start + lengthPrefix;
    this.#start = from + length;
    return this.#buffer.subarray(from, this.#start);
  }

  #grow(more: number): void {
    // Doubling keeps the copying linear however small the pieces are that arrive.
    const larger = Buffer.alloc(Math.max(smallestBuffer, 2 * (this.held + more)));
    this.#buffer.copy(larger, 0, this.#start, this.#end);
    this.#adopt(larger, this.held, true);
  }

  #adopt(buffer: Buffer, end: number, owned: boolean): void {
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = end;
    this.#owned = owned;
  }
}

/**
 * Assembles application frames: a message with a u32 chunk count, then that many Noise messages. Chunks wait encrypted and are
 * decrypted together, so that no part of a plaintext lies about while the rest is on its way.
 */
export class FrameReader {
  readonly #messages: MessageReader;
  #chunks: Buffer[] = [];
  #missing = 0;
  #length = 0;

  constructor(messages: MessageReader) {
    this.#messages = messages;
  }

  get held(): number {
    return this.#messages.held + this.#length;
  }

  push(chunk: Buffer): void {
    this.#messages.push(chunk);
  }

  /**
   * The plaintext of the next frame, or undefined when it has not arrived whole. The caller wipes it.
   * @throws SesameError frame-too-long, message-invalid, or whatever `decrypt` throws; the stream is unusable afterwards
   */
  next(decrypt: (message: Buffer) => Buffer): Buffer | undefined {
    if (this.#missing === 0) {
      const head = this.#messages.next(lengthPrefix);
      if (head === undefined) return undefined;
      this.#missing = chunkCount(head);
    }
    while (this.#missing > 0) {
      const message = this.#messages.next(longestNoiseMessage);
      if (message === undefined) return undefined;
      this.#take(message);
    }
    return this.#open(decrypt);
  }

  #take(message: Buffer): void {
    if (message.length < tagLength) throw malformed('a chunk is shorter than its tag');
    this.#length += message.length - tagLength;
    if (this.#length > longestFrame) throw SesameError.of('frame-too-long', { length: this.#length, limit: longestFrame });
    this.#chunks.push(message);
    this.#missing -= 1;
  }

  #open(decrypt: (message: Buffer) => Buffer): Buffer {
    const chunks = this.#chunks;
    const length = this.#length;
    this.#chunks = [];
    this.#length = 0;
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) return decrypt(only);
    const whole = Buffer.alloc(length);
    let filled = 0;
    for (const chunk of chunks) {
      const part = decrypt(chunk);
      filled += part.copy(whole, filled);
      part.fill(0);
    }
    return whole;
  }
}

function chunkCount(head: Buffer): number {
  if (head.length !== lengthPrefix) throw malformed('a frame does not start with its chunk count');
  const count = head.readUInt32BE(0);
  if (count < 1 || count > mostChunks) throw malformed(`a frame of ${count} chunks`);
  return count;
}

function malformed(reason: string): SesameError {
  return SesameError.of('message-invalid', { kind: 'frame', reason });
}

/** One length-prefixed message, as it goes on the wire. */
export function prefixed(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(lengthPrefix + message.length);
  framed.writeUInt32BE(message.length);
  framed.set(message, lengthPrefix);
  return framed;
}

/**
 * One application frame, encrypted, as it goes on the wire. The plaintext stays the caller's to wipe.
 * @throws SesameError frame-too-long
 */
export function sealFrame(plaintext: Uint8Array, encrypt: (chunk: Uint8Array) => Buffer): Buffer {
  requireFrameLength(plaintext.length);
  const count = Math.max(1, Math.ceil(plaintext.length / longestChunk));
  // Every byte is written below, and none is secret.
  const frame = Buffer.allocUnsafe(2 * lengthPrefix + count * (lengthPrefix + tagLength) + plaintext.length);
  frame.writeUInt32BE(lengthPrefix, 0);
  let end = frame.writeUInt32BE(count, lengthPrefix);
  for (let index = 0; index < count; index += 1) {
    const message = encrypt(plaintext.subarray(index * longestChunk, (index + 1) * longestChunk));
    end = frame.writeUInt32BE(message.length, end);
    end += message.copy(frame, end);
  }
  return frame;
}

/** @throws SesameError frame-too-long */
export function requireFrameLength(length: number): void {
  if (length > longestFrame) throw SesameError.of('frame-too-long', { length, limit: longestFrame });
}
