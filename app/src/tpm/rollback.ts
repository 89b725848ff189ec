// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Esys } from '../linux/tss2/esys.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { FileReader } from './file-reader.ts';
import { incrementCounter, isAuthFailure, type NvCounter, readCounter } from './nv-counter.ts';
import { makeStateCounter, newCounterAuthorisation } from './state-counter.ts';
import { type EnrolledKey, endorsementName, enrolledStorageKey, provideStorageKey, type StorageKey } from './storage-key.ts';
import { sized, u8, u32 } from './wire.ts';

/** An entry of the audit chain. */
export interface AuditEntryMark {
  /** 0 where there was none. */
  readonly sequence: number;
  /** BLAKE3 of its line in hexadecimal; empty in a mark of an earlier version, which had the number alone. */
  readonly hash: string;
}

/** What a vault notes of the moment at which it was last opened or its factors were changed. It is part of every copy of the vault. */
export interface StateMark {
  /** The TPM's counter has this value, or will have it in a moment. */
  readonly value: bigint;
  readonly counter: NvCounter;
  /** As long as the TPM has this storage key, it was neither cleared nor replaced. */
  readonly key: EnrolledKey;
  /** An audit entry that was on the disk then. */
  readonly audit: AuditEntryMark;
  /** The kernel's boot_id then. */
  readonly boot: string;
}

/** What a vault keeps for the TPM's counter. */
export interface MarkedState {
  readonly mark: StateMark;
  /** The counter's authorisation value. */
  readonly authorisation: SecretBytes;
}

const version = 3;
/** Without the hash of the audit entry. */
const versionByNumber = 2;

/**
 * u8 version || u64 value || u64 audit sequence || u32 NV index || SIZED its name || u32 handle of the storage key || SIZED its name ||
 * SIZED name of the endorsement key || SIZED boot_id || SIZED hash of the audit entry.
 */
export function serialiseMark({ value, counter, key, audit, boot }: StateMark): Buffer {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(value);
  numbers.writeBigUInt64BE(BigInt(audit.sequence), 8);
  return Buffer.concat([
    ...[u8(version), numbers, u32(counter.handle), sized(counter.name)],
    ...[u32(key.handle), sized(key.name), sized(key.endorsementName), sized(Buffer.from(boot))],
    sized(Buffer.from(audit.hash, 'hex')),
  ]);
}

/**
 * @param path of the vault, for messages
 * @throws SesameError file-damaged, file-too-new
 */
export function parseMark(path: string, bytes: Buffer): StateMark {
  const reader = new FileReader(path, bytes);
  const found = reader.u8();
  if (found > version) throw SesameError.of('file-too-new', { path, version: found, known: version });
  if (found < versionByNumber) throw reader.damaged(`its mark has the unknown version ${found}`);
  const value = reader.u64();
  const sequence = Number(reader.u64());
  const counter = { handle: reader.u32(), name: reader.sized() };
  const key = { handle: reader.u32(), name: reader.sized(), endorsementName: reader.sized() };
  const boot = reader.sized().toString();
  const hash = found === versionByNumber ? '' : reader.sized().toString('hex');
  if (!reader.atEnd) throw reader.damaged('there is more in its mark than this version knows');
  return { value, counter, key, audit: { sequence, hash }, boot };
}

/**
 * How a vault stands to the TPM's counter. `restored`: the vault is older than the TPM knows it to be. `counter-removed`: this TPM made
 * the counter and has it no longer, or another in its place. `counter-lost`: the TPM was cleared, or is another one.
 */
export type Freshness = 'current' | 'restored' | 'counter-removed' | 'counter-lost';

/** Compares what a vault keeps with the TPM. */
export async function freshnessOf(esys: Esys, state: MarkedState): Promise<Freshness> {
  const standing = await standingOf(esys, state);
  if (typeof standing === 'string') return standing;
  return state.mark.value < standing.value ? 'restored' : 'current';
}

interface Standing {
  readonly key: StorageKey;
  readonly value: bigint;
}

async function standingOf(
  esys: Esys,
  { mark, authorisation }: MarkedState,
): Promise<Standing | 'counter-removed' | 'counter-lost'> {
  const key = await storageKeyOf(esys, mark.key);
  if (key === undefined) return 'counter-lost';
  try {
    const value = await readCounter(esys, key, mark.counter, authorisation);
    // A power cut between the vault's write and the counter's leaves the vault one ahead.
    return mark.value > value + 1n ? 'counter-removed' : { key, value };
  } catch (thrown) {
    const isGone = thrown instanceof SesameError && thrown.code === 'tpm-counter-replaced';
    if (isGone || isAuthFailure(thrown)) return 'counter-removed';
    throw thrown;
  }
}

async function storageKeyOf(esys: Esys, enrolled: EnrolledKey): Promise<StorageKey | undefined> {
  try {
    return await enrolledStorageKey(esys, 'the mark of the vault', enrolled);
  } catch (thrown) {
    if (thrown instanceof SesameError && (thrown.code === 'tpm-cleared' || thrown.code === 'tpm-replaced')) return undefined;
    throw thrown;
  }
}

export interface Advance {
  readonly memory: SecretMemory;
  /** Where the vault is, not secret: what tells its counter from those of other vaults. */
  readonly place: Buffer;
  /** What the vault keeps at present. */
  readonly state: MarkedState | undefined;
  readonly audit: AuditEntryMark;
  /** The kernel's boot_id. */
  readonly boot: string;
  /** Leaves a mark of this very boot as it is, because NV memory wears out. */
  readonly onceABoot: boolean;
  /** Writes into the vault, on the disk when it returns. What it is given stays the caller's. */
  readonly note: (state: MarkedState) => void;
}

/** Makes every copy of the vault that exists until now an old one: first the vault notes the next value, then the TPM counts. */
export async function advanceState(esys: Esys, advance: Advance): Promise<void> {
  const { state, audit, boot, onceABoot, note } = advance;
  const standing = state && (await standingOf(esys, state));
  if (state === undefined || standing === undefined || typeof standing === 'string') return await beginState(esys, advance);
  const { mark, authorisation } = state;
  const { key } = standing;
  let { value } = standing;
  // What a power cut left the vault ahead is counted first, or a copy from that moment would stay as good as the vault.
  if (mark.value > value) {
    await incrementCounter(esys, key, mark.counter, authorisation);
    value += 1n;
  }
  if (onceABoot && mark.boot === boot && mark.value === value) return;
  note({ mark: { ...mark, value: value + 1n, audit, boot }, authorisation });
  await incrementCounter(esys, key, mark.counter, authorisation);
}

/** A counter that is new makes old whatever had none or another one. */
async function beginState(esys: Esys, { memory, place, audit, boot, note }: Advance): Promise<void> {
  const key = await provideStorageKey(esys);
  const enrolled = { handle: key.handle, name: key.name, endorsementName: await endorsementName(esys) };
  const authorisation = newCounterAuthorisation(memory);
  try {
    const counter = await makeStateCounter(esys, key, place, authorisation);
    const value = await readCounter(esys, key, counter, authorisation);
    note({ mark: { value, counter, key: enrolled, audit, boot }, authorisation });
  } finally {
    authorisation.release();
  }
}
