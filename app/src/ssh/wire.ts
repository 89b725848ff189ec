// SPDX-License-Identifier: MIT

/** Bytes that are not what they should be, said in words that follow "the answer is malformed: ". */
export class MalformedWire extends Error {
  override readonly name = 'MalformedWire';
}

/** Reads the data types of SSH (RFC 4251, section 5). What it gives out are views on the bytes, not copies. */
export class WireReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** @throws MalformedWire */
  byte(): number {
    return this.#take(1).readUInt8();
  }

  /** @throws MalformedWire */
  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** A length and as many bytes. @throws MalformedWire */
  string(): Buffer {
    return this.#take(this.uint32());
  }

  /** A positive `mpint` without its leading zero byte. @throws MalformedWire */
  positive(): Buffer {
    const bytes = this.string();
    const first = bytes.at(0);
    if (first === undefined || first >= 0x80) throw new MalformedWire('a number that must be positive is not');
    if (first !== 0) return bytes;
    if ((bytes.at(1) ?? 0) < 0x80) throw new MalformedWire('a number has a leading zero byte');
    return bytes.subarray(1);
  }

  /** @throws MalformedWire when anything follows */
  end(): void {
    if (!this.atEnd) throw new MalformedWire(`${this.#bytes.length - this.#offset} bytes follow that belong to nothing`);
  }

  #take(length: number): Buffer {
    const end = this.#offset + length;
    if (end > this.#bytes.length)
      throw new MalformedWire(`it ends ${end - this.#bytes.length} bytes before something that it announces`);
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }
}

/** A number of four bytes. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Public bytes behind their length; for secret ones see `writeString`. */
export function string(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/**
 * Writes bytes behind their length straight into their place, so that they lie nowhere else.
 * @returns the offset behind them
 */
export function writeString(target: Buffer, offset: number, bytes: Uint8Array): number {
  target.writeUInt32BE(bytes.length, offset);
  target.set(bytes, offset + 4);
  return offset + 4 + bytes.length;
}
