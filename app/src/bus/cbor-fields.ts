// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';

// RFC 8949, section 3: the major type stands in the upper three bits of the first byte, a length or value below 24 in the others.
const majorUnsigned = 0;
const majorBytes = 2;
const majorText = 3;
const majorArray = 4;
const nullByte = 0xf6;
const oneByteFollows = 24;
const eightBytesFollow = 27;

/** The least value that needs one, two, four and eight bytes. */
const leastOfSize = [oneByteFollows, 0x100, 0x1_0000, 0x1_0000_0000] as const;

/** Writes the few kinds of CBOR items that headers are made of, in the shortest form. A general encoder takes eight times as long. */
export class CborFieldWriter {
  readonly #buffer: Buffer;
  #end = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Where the next item goes. */
  get end(): number {
    return this.#end;
  }

  unsigned(value: number): void {
    this.#head(majorUnsigned, value);
  }

  text(value: string): void {
    this.#head(majorText, Buffer.byteLength(value));
    this.#end += this.#buffer.write(value, this.#end);
  }

  /** A text of ASCII characters, whose length need not be found out. */
  ascii(value: string): void {
    this.#head(majorText, value.length);
    this.#end += this.#buffer.write(value, this.#end, 'latin1');
  }

  /** The head of a byte string, whose bytes the caller puts behind it. */
  bytesHead(length: number): void {
    this.#head(majorBytes, length);
  }

  array(items: number): void {
    this.#head(majorArray, items);
  }

  null(): void {
    this.#end = this.#buffer.writeUInt8(nullByte, this.#end);
  }

  #head(major: number, value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a length or an unsigned value');
    const type = major << 5;
    if (value < oneByteFollows) {
      this.#end = this.#buffer.writeUInt8(type | value, this.#end);
    } else if (value < 0x100) {
      this.#end = this.#buffer.writeUInt8(type | oneByteFollows, this.#end);
      this.#end = this.#buffer.writeUInt8(value, this.#end);
    } else if (value < 0x1_0000) {
      this.#end = this.#buffer.writeUInt8(type | (oneByteFollows + 1), this.#end);
      this.#end = this.#buffer.writeUInt16BE(value, this.#end);
    } else if (value < 0x1_0000_0000) {
      this.#end = this.#buffer.writeUInt8(type | (oneByteFollows + 2), this.#end);
      this.#end = this.#buffer.writeUInt32BE(value, this.#end);
    } else {
      this.#end = this.#buffer.writeUInt8(type | eightBytesFollow, this.#end);
      this.#end = this.#buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), this.#end);
      this.#end = this.#buffer.writeUInt32BE(value >>> 0, this.#end);
    }
  }
}

/** Reads what CborFieldWriter writes, item by item, and nothing else: every method throws SesameError message-invalid. */
export class CborFieldReader {
  readonly #buffer: Buffer;
  readonly #kind: string;
  #position = 0;

  /** @param kind of message, for the error */
  constructor(buffer: Buffer, kind: string) {
    this.#buffer = buffer;
    this.#kind = kind;
  }

  unsigned(): number {
    return this.#head(majorUnsigned);
  }

  /** @param longest in bytes of UTF-8 */
  text(longest: number): string {
    const bytes = this.#take(this.#head(majorText), longest);
    const text = bytes.toString();
    // Invalid bytes become U+FFFD, and two texts could become one.
    if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes)) throw this.#malformed('a text is not UTF-8');
    return text;
  }

  /** A text of exactly that many bytes, whose characters the caller checks: what is not ASCII reads as Latin-1. */
  ascii(length: number): string {
    if (this.#head(majorText) !== length) throw this.#malformed(`a field has not ${length} characters`);
    const start = this.#advance(length);
    return this.#buffer.toString('latin1', start, start + length);
  }

  /** A view. */
  bytes(): Buffer {
    return this.#take(this.#head(majorBytes), this.#buffer.length);
  }

  array(items: number): void {
    if (this.#head(majorArray) !== items) throw this.#malformed(`an array has not ${items} items`);
  }

  /** Whether null comes next, which is then passed over. */
  null(): boolean {
    if (this.#buffer[this.#position] !== nullByte) return false;
    this.#position += 1;
    return true;
  }

  end(): void {
    if (this.#position !== this.#buffer.length) throw this.#malformed('something stands behind its end');
  }

  #take(length: number, longest: number): Buffer {
    if (length > longest) throw this.#malformed(`a field is longer than ${longest} bytes`);
    const start = this.#advance(length);
    return this.#buffer.subarray(start, start + length);
  }

  #head(major: number): number {
    const first = this.#buffer[this.#advance(1)] ?? 0;
    if (first >> 5 !== major) throw this.#malformed('a field has another type');
    const short = first & 0x1f;
    return short < oneByteFollows ? short : this.#longHead(short);
  }

  #longHead(short: number): number {
    if (short > eightBytesFollow) throw this.#malformed('a length is indefinite or reserved');
    const size = 1 << (short - oneByteFollows);
    const start = this.#advance(size);
    const value =
      size === 8
        ? this.#buffer.readUInt32BE(start) * 0x1_0000_0000 + this.#buffer.readUInt32BE(start + 4)
        : this.#buffer.readUIntBE(start, size);
    if (value < (leastOfSize[short - oneByteFollows] ?? 0)) throw this.#malformed('a number is not in its shortest form');
    if (!Number.isSafeInteger(value)) throw this.#malformed('a number is too large');
    return value;
  }

  /** Where the bytes that are passed over start. */
  #advance(length: number): number {
    const start = this.#position;
    if (length > this.#buffer.length - start) throw this.#malformed('it ends too early');
    this.#position = start + length;
    return start;
  }

  #malformed(reason: string): SesameError {
    return SesameError.of('message-invalid', { kind: this.#kind, reason });
  }
}
