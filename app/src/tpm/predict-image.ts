// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { describe, SesameError } from '../core/errors.ts';
import type { EventLogBank } from './event-log-bank.ts';

const chunkSize = 1024 * 1024;

/** A PE file has its headers here; a longer header is not one of a kernel. */
const headerLimit = 64 * 1024;
const sectionLimit = 96;
const peOffsetAt = 0x3c;
const optionalHeaderAt = 24;
const checksumAt = optionalHeaderAt + 64;
const headerSizeAt = optionalHeaderAt + 60;
const certificateDirectory = 4;

/** Where the optional header has the number of data directories, by its magic: PE32 and PE32+. */
const directoryCountAt: Readonly<Record<number, number>> = { 267: optionalHeaderAt + 92, 523: optionalHeaderAt + 108 };

/** Part of a file. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

export interface ImageSection extends ByteRange {
  readonly name: string;
}

/** A program of UEFI on the disk: a kernel with an EFI stub, or a unified kernel image. */
export class EfiImage {
  readonly path: string;
  readonly size: number;
  readonly sections: readonly ImageSection[];
  readonly #measured: readonly ByteRange[];

  private constructor(path: string, size: number, layout: { sections: readonly ImageSection[]; measured: readonly ByteRange[] }) {
    this.path = path;
    this.size = size;
    this.sections = layout.sections;
    this.#measured = layout.measured;
  }

  /**
   * @param within the part of the file that is the program; all of it when absent
   * @throws SesameError boot-file-unusable: it cannot be read or is no such program
   */
  static read(path: string, within: ByteRange = { start: 0, length: fileLength(path) }): EfiImage {
    const { start: base, length: size } = within;
    const header = readRange(path, { start: base, length: Math.min(size, headerLimit) });
    const { sections, measured } = layoutOf(path, header, size);
    const placed = <Range extends ByteRange>(range: Range): Range => ({ ...range, start: base + range.start });
    return new EfiImage(path, size, { sections: sections.map(placed), measured: measured.map(placed) });
  }

  /**
   * What UEFI extends into PCR 4 when it starts the program: its Authenticode digest, the hash of everything but the checksum and
   * the signatures (Microsoft, Windows Authenticode Portable Executable Signature Format).
   */
  digest(bank: EventLogBank): Buffer {
    return hashRanges(this.path, bank, this.#measured);
  }

  /** The bytes of one section, or undefined when there is none of that name. */
  section(name: string): Buffer | undefined {
    const section = this.#find(name);
    return section === undefined ? undefined : readRange(this.path, section);
  }

  /**
   * The program that is one of the sections, or undefined when there is none of that name.
   * @throws SesameError boot-file-unusable: it is no such program
   */
  program(name: string): EfiImage | undefined {
    const section = this.#find(name);
    return section === undefined ? undefined : EfiImage.read(this.path, section);
  }

  #find(name: string): ImageSection | undefined {
    return this.sections.find((one) => one.name === name);
  }
}

/** @throws SesameError boot-file-unusable */
export function measureFile(path: string, bank: EventLogBank): Buffer {
  return hashRanges(path, bank, [{ start: 0, length: fileLength(path) }]);
}

function layoutOf(path: string, header: Buffer, size: number): { sections: ImageSection[]; measured: ByteRange[] } {
  const unusable = (reason: string) => SesameError.of('boot-file-unusable', { path, reason });
  if (header.length < peOffsetAt + 4 || header.toString('latin1', 0, 2) !== 'MZ') {
    throw unusable('it is not an EFI program; a kernel needs CONFIG_EFI_STUB');
  }
  const pe = header.readUInt32LE(peOffsetAt);
  // The fixed part of the optional header, up to and including the number of data directories.
  if (pe > header.length - (optionalHeaderAt + 112) || header.toString('latin1', pe, pe + 4) !== 'PE\0\0') {
    throw unusable('it has no PE header');
  }
  const sectionCount = header.readUInt16LE(pe + 6);
  const optionalSize = header.readUInt16LE(pe + 20);
  const headerSize = header.readUInt32LE(pe + headerSizeAt);
  const countAt = directoryCountAt[header.readUInt16LE(pe + optionalHeaderAt)];
  if (countAt === undefined) throw unusable('its PE header is of an unknown kind');
  const certificateAt = pe + countAt + 4 + certificateDirectory * 8;
  const table = pe + optionalHeaderAt + optionalSize;
  if (sectionCount > sectionLimit || table + sectionCount * 40 > header.length) throw unusable('its section table is malformed');
  if (headerSize < table + sectionCount * 40 || headerSize > size) throw unusable('the size of its header is malformed');

  const hasCertificate = header.readUInt32LE(pe + countAt) > certificateDirectory && certificateAt + 8 <= table;
  const certificateSize = hasCertificate ? header.readUInt32LE(certificateAt + 4) : 0;
  const inHeader: ByteRange[] = hasCertificate
    ? between(pe + checksumAt + 4, certificateAt, certificateAt + 8, headerSize)
    : between(pe + checksumAt + 4, headerSize);

  const raw = Array.from({ length: sectionCount }, (_, index) => sectionAt(header, table + index * 40));
  const stored = raw.filter((one) => one.rawSize > 0).sort((one, other) => one.start - other.start);
  if (stored.some((one) => one.start + one.rawSize > size)) throw unusable('a section reaches beyond its end');
  const hashed = headerSize + stored.reduce((sum, one) => sum + one.rawSize, 0);
  const trailing = size - hashed - certificateSize;
  if (trailing < 0) throw unusable('its sections overlap');
  return {
    sections: raw.map(({ name, start, rawSize, virtualSize }) => ({ name, start, length: Math.min(rawSize, virtualSize) })),
    measured: [
      { start: 0, length: pe + checksumAt },
      ...inHeader,
      ...stored.map(({ start, rawSize }) => ({ start, length: rawSize })),
      ...(trailing === 0 ? [] : [{ start: hashed, length: trailing }]),
    ],
  };
}

/** The ranges from the first to the second of each pair of offsets. */
function between(...offsets: readonly number[]): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (let index = 0; index + 1 < offsets.length; index += 2) {
    const [start = 0, end = 0] = offsets.slice(index, index + 2);
    ranges.push({ start, length: end - start });
  }
  return ranges;
}

function sectionAt(header: Buffer, at: number): { name: string; virtualSize: number; rawSize: number; start: number } {
  return {
    name: header.toString('latin1', at, at + 8).replace(/\0.*$/s, ''),
    virtualSize: header.readUInt32LE(at + 8),
    rawSize: header.readUInt32LE(at + 16),
    start: header.readUInt32LE(at + 20),
  };
}

function fileLength(path: string): number {
  return withFile(path, (descriptor) => {
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw SesameError.of('boot-file-unusable', { path, reason: 'it is not a regular file' });
    return status.size;
  });
}

function readRange(path: string, { start, length }: ByteRange): Buffer {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  eachChunk(path, [{ start, length }], (chunk) => {
    filled += chunk.copy(bytes, filled);
  });
  return bytes;
}

function hashRanges(path: string, bank: EventLogBank, ranges: readonly ByteRange[]): Buffer {
  const hash = createHash(bank);
  eachChunk(path, ranges, (chunk) => hash.update(chunk));
  return hash.digest();
}

/** An image may be larger than the memory of the device. */
function eachChunk(path: string, ranges: readonly ByteRange[], visit: (chunk: Buffer) => void): void {
  withFile(path, (descriptor) => {
    const buffer = Buffer.alloc(chunkSize);
    for (const { start, length } of ranges) {
      for (let done = 0; done < length; ) {
        const read = readSync(descriptor, buffer, 0, Math.min(chunkSize, length - done), start + done);
        if (read === 0) throw SesameError.of('boot-file-unusable', { path, reason: 'it became shorter while it was read' });
        visit(buffer.subarray(0, read));
        done += read;
      }
    }
  });
}

function withFile<Result>(path: string, work: (descriptor: number) => Result): Result {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    return work(descriptor);
  } catch (thrown) {
    if (thrown instanceof SesameError) throw thrown;
    throw SesameError.of('boot-file-unusable', { path, reason: describe(thrown) }, thrown);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
