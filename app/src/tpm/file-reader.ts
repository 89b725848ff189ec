// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { sized } from './wire.ts';

/** Reads a file of ours field by field. Whatever is in it, what comes of it is a value or SesameError file-damaged. */
export class FileReader {
  readonly #path: string;
  readonly #bytes: Buffer;
  #offset = 0;

  /** @param path for messages */
  constructor(path: string, bytes: Buffer) {
    this.#path = path;
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** A view. */
  take(length: number): Buffer {
    const start = this.#offset;
    if (start + length > this.#bytes.length) throw this.damaged('it ends early');
    this.#offset += length;
    return this.#bytes.subarray(start, start + length);
  }

  u8(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  u32(): number {
    return this.take(4).readUInt32BE();
  }

  u64(): bigint {
    return this.take(8).readBigUInt64BE();
  }

  sized(): Buffer {
    return this.take(this.u16());
  }

  /** A TPM2B with its length, as libtss2 wants it. */
  structure(): Buffer {
    return sized(this.sized());
  }

  damaged(reason: string): SesameError {
    return SesameError.of('file-damaged', { path: this.#path, reason });
  }
}
