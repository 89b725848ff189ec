// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';

/*
 * TPM structures are written as the bytes that go to the TPM (TPM 2.0 Library, part 2): big-endian, packed, and what has a variable
 * length behind a u16 (TPM2B).
 */
export function u8(value: number): Buffer {
  return Buffer.of(value);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** TPM2B: a u16 length and the bytes. Not for what is secret: the parts stay behind. */
export function sized(...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([u16(content.length), content]);
}

/**
 * Zeros for a structure that is secret; whoever asks for them wipes them. An array of 64 bytes or less would lie on V8's heap, where
 * the collector leaves copies behind when it moves it.
 */
export function secretStructure(length: number): Buffer {
  const longestOnHeap = 64;
  return Buffer.alloc(Math.max(length, longestOnHeap + 1)).subarray(0, length);
}

/** Reads what the TPM answered, field by field. */
export class WireReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.bytes(1).readUInt8();
  }

  u16(): number {
    return this.bytes(2).readUInt16BE();
  }

  u32(): number {
    return this.bytes(4).readUInt32BE();
  }

  bytes(length: number): Buffer {
    const end = this.#offset + length;
    assert(end <= this.#bytes.length, 'a structure that libtss2 has marshalled is whole');
    const bytes = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }

  sized(): Buffer {
    return this.bytes(this.u16());
  }
}
