// SPDX-License-Identifier: MIT
import { createHmac, timingSafeEqual } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { assert, SesameError } from '../core/errors.ts';
import type { ChainHash } from '../crypto/derive.ts';
import { readBounded, storageError, writeDurably } from '../linux/files.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { syncData, writeFully } from './descriptor.ts';
import type { Link } from './entry.ts';

/** The last entry that is vouched for. Sequence 0 and an empty hash before the first one. */
export interface Head extends Link {
  readonly algorithm: ChainHash;
  /** Where the line after that entry begins in its file, in bytes. */
  readonly offset: number;
  /** Sequence number of the oldest entry that records a gap nobody has acknowledged, or 0. */
  readonly gap: number;
}

export type HeadReading =
  | { readonly state: 'missing' }
  | { readonly state: 'not-authentic' }
  | {
      readonly state: 'authentic';
      readonly head: Head;
      readonly generation: number;
      /** Whether the other slot holds the generation before, as it does unless a write was cut off, or overwritten by somebody. */
      readonly complete: boolean;
    };

// Two slots, each in a block of its own, so that a write that is cut off damages one of them and leaves the one before it.
const slotDistance = 4096;
const fileLength = 2 * slotDistance;
const magic = Buffer.from('PDSHEAD\u0001', 'latin1');
const algorithms: readonly ChainHash[] = ['blake3', 'sha256'];
const layout = { generation: 8, sequence: 16, offset: 24, gap: 32, hash: 40, algorithm: 72, mac: 80, end: 112 } as const;

/** @throws SesameError file-unreadable */
export function readHead(path: string, key: SecretBytes): HeadReading {
  const content = readWhole(path);
  if (content === undefined) return { state: 'missing' };
  const slots = [0, slotDistance].map((at) => parseSlot(content.subarray(at, at + layout.end), key));
  const [newest, other] = slots.sort((one, another) => (another?.generation ?? 0) - (one?.generation ?? 0));
  if (newest === undefined) return { state: 'not-authentic' };
  const { head, generation } = newest;
  return { state: 'authentic', head, generation, complete: generation === 1 || other?.generation === generation - 1 };
}

function readWhole(path: string): Buffer | undefined {
  try {
    return readBounded(path, fileLength);
  } catch (thrown) {
    if (thrown instanceof SesameError && thrown.code === 'file-damaged') return Buffer.alloc(0);
    throw thrown;
  }
}

interface Slot {
  readonly head: Head;
  readonly generation: number;
}

function parseSlot(slot: Buffer, key: SecretBytes): Slot | undefined {
  if (slot.length < layout.end) return undefined;
  if (!timingSafeEqual(slot.subarray(layout.mac, layout.end), mac(slot, key))) return undefined;
  const number = (at: number) => Number(slot.readBigUInt64BE(at));
  const algorithm = algorithms[slot.readUInt8(layout.algorithm)];
  assert(algorithm !== undefined && slot.subarray(0, magic.length).equals(magic), 'what has our MAC has our layout');
  const sequence = number(layout.sequence);
  const hash = sequence === 0 ? '' : slot.toString('hex', layout.hash, layout.algorithm);
  return {
    generation: number(layout.generation),
    head: { sequence, hash, algorithm, offset: number(layout.offset), gap: number(layout.gap) },
  };
}

function serialiseSlot({ head, generation }: Slot, key: SecretBytes): Buffer {
  const slot = Buffer.alloc(layout.end);
  magic.copy(slot);
  slot.writeBigUInt64BE(BigInt(generation), layout.generation);
  slot.writeBigUInt64BE(BigInt(head.sequence), layout.sequence);
  slot.writeBigUInt64BE(BigInt(head.offset), layout.offset);
  slot.writeBigUInt64BE(BigInt(head.gap), layout.gap);
  slot.write(head.hash, layout.hash, 'hex');
  slot.writeUInt8(algorithms.indexOf(head.algorithm), layout.algorithm);
  mac(slot, key).copy(slot, layout.mac);
  return slot;
}

/** HMAC-SHA256 (RFC 2104) over everything before the MAC. */
function mac(slot: Buffer, key: SecretBytes): Buffer {
  return createHmac('sha256', key.bytes).update(slot.subarray(0, layout.mac)).digest();
}

/** Writes heads by turns into the two slots of a file whose blocks are there already, so that a full disk cannot stop it. */
export class HeadWriter {
  readonly #path: string;
  readonly #key: SecretBytes;
  #generation: number;
  #descriptor: number | undefined;

  /** @param generation of the head in the file; 0 when there is none to go on from, so that the first write replaces the file */
  constructor(path: string, key: SecretBytes, generation: number) {
    this.#path = path;
    this.#key = key;
    this.#generation = generation;
  }

  /** @throws SesameError storage-full, storage-read-only, storage-failed, storage-unsynced */
  async write(head: Head): Promise<void> {
    if (this.#generation === 0) {
      this.create(head);
      return;
    }
    const generation = this.#generation + 1;
    try {
      this.#descriptor ??= openSync(this.#path, 'r+');
      await writeFully(this.#descriptor, serialiseSlot({ head, generation }, this.#key), (generation % 2) * slotDistance);
      await syncData(this.#descriptor);
    } catch (thrown) {
      throw storageError(this.#path, thrown);
    }
    this.#generation = generation;
  }

  /** Replaces the whole file, at once. @throws SesameError as `write` does */
  create(head: Head): void {
    const content = Buffer.alloc(fileLength);
    serialiseSlot({ head, generation: 1 }, this.#key).copy(content, slotDistance);
    writeDurably(this.#path, content, 0o600);
    this.#generation = 1;
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
