// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Esys } from '../linux/tss2/esys.ts';
import { FileReader } from './file-reader.ts';
import { findCounter, incrementCounter, type NvCounter, provideCounter, readCounter } from './nv-counter.ts';
import { provideStorageKey } from './storage-key.ts';
import { sized, u8, u32 } from './wire.ts';

/** What a vault notes of the moment at which it was last opened or its factors were changed. It is part of every copy of the vault. */
export interface StateMark {
  /** The TPM's counter has this value, or will have it in a moment. */
  readonly value: bigint;
  readonly counter: NvCounter;
  /** Sequence number of an audit entry that was on the disk then. */
  readonly auditSequence: number;
}

const version = 1;

/** u8 version || u64 value || u64 audit sequence || u32 NV index || SIZED its name. */
export function serialiseMark({ value, counter, auditSequence }: StateMark): Buffer {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(value);
  numbers.writeBigUInt64BE(BigInt(auditSequence), 8);
  return Buffer.concat([u8(version), numbers, u32(counter.handle), sized(counter.name)]);
}

/**
 * @param path of the vault, for messages
 * @throws SesameError file-damaged, file-too-new
 */
export function parseMark(path: string, bytes: Buffer): StateMark {
  const reader = new FileReader(path, bytes);
  const found = reader.u8();
  if (found !== version) throw SesameError.of('file-too-new', { path, version: found, known: version });
  const mark = {
    value: reader.u64(),
    auditSequence: Number(reader.u64()),
    counter: { handle: reader.u32(), name: reader.sized() },
  };
  if (!reader.atEnd) throw reader.damaged('there is more in its mark than this version knows');
  return mark;
}

/**
 * How a vault stands to the TPM's counter. `unprotected`: neither has a mark of the other. `restored`: the vault is older than the TPM
 * knows it to be. `counter-lost`: the TPM does not have the counter that the vault remembers: it was cleared, or is another one.
 */
export type Freshness = 'current' | 'unprotected' | 'restored' | 'counter-lost';

/**
 * Compares a vault's mark with the TPM.
 * @param vault what tells this vault from every other, not secret
 */
export async function freshnessOf(esys: Esys, vault: Buffer, mark: StateMark | undefined): Promise<Freshness> {
  if (mark === undefined) return (await findCounter(esys, 'state', vault)) === undefined ? 'unprotected' : 'restored';
  const value = await counterValue(esys, mark.counter);
  // A power cut between the vault's write and the counter's leaves the vault one ahead.
  if (value === undefined || mark.value > value + 1n) return 'counter-lost';
  return mark.value < value ? 'restored' : 'current';
}

async function counterValue(esys: Esys, counter: NvCounter): Promise<bigint | undefined> {
  try {
    return await readCounter(esys, await provideStorageKey(esys), counter);
  } catch (thrown) {
    if (thrown instanceof SesameError && thrown.code === 'tpm-counter-replaced') return undefined;
    throw thrown;
  }
}

export interface Advance {
  /** What tells this vault from every other, not secret. */
  readonly vault: Buffer;
  /** The vault's present mark. */
  readonly mark: StateMark | undefined;
  readonly auditSequence: number;
  /** Writes a mark into the vault, on the disk when it returns. */
  readonly note: (mark: StateMark) => void;
}

/** Makes every copy of the vault that exists until now an old one: first the vault notes the next value, then the TPM counts. */
export async function advanceState(esys: Esys, { vault, mark, auditSequence, note }: Advance): Promise<void> {
  const key = await provideStorageKey(esys);
  const counter = await provideCounter(esys, 'state', vault);
  let value = await readCounter(esys, key, counter);
  // What a power cut left the vault ahead is counted first, or a copy from that moment would stay as good as the vault.
  if (mark !== undefined && mark.value === value + 1n && mark.counter.name.equals(counter.name)) {
    await incrementCounter(esys, counter);
    value += 1n;
  }
  note({ value: value + 1n, counter, auditSequence });
  await incrementCounter(esys, counter);
}
