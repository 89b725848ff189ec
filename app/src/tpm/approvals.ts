// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { approvalKeyLength, approvalSignatureLength } from './authorize-key.ts';
import { type BootRecord, parseBootRecord, serialiseBootRecord } from './event-log-record.ts';
import { FileReader } from './file-reader.ts';
import type { NvCounter } from './nv-counter.ts';
import { digestBytes, type PcrSelection, type PcrValues } from './pcr-selection.ts';
import { sized, u8, u32 } from './wire.ts';

/** One boot state in which the TPM may unseal, signed by the approval key. */
export interface Approval {
  /** It holds while the TPM's counter is not above this. */
  readonly counter: bigint;
  readonly values: PcrValues;
  /** r || s over policy and reference. */
  readonly signature: Buffer;
  /** For people: what was approved. */
  readonly label: string;
  /** What leads to the values, to explain a later refusal. */
  readonly record: BootRecord | undefined;
}

/** Who may approve boot states, and which are approved: the oldest first, at most the one in use and the next. */
export interface Authorisation {
  /** x || y. */
  readonly publicKey: Buffer;
  readonly counter: NvCounter;
  readonly approvals: readonly Approval[];
}

/** What the file of an enrolment says of its policy: the PCRs at sealing alone, or approvals. */
export type PolicyPart =
  | { readonly kind: 'pcr'; readonly record: BootRecord | undefined }
  | ({ readonly kind: 'authorize' } & Authorisation);

const kinds = { pcr: 0, authorize: 1 } as const;
const approvalLimit = 2;
const labelLimit = 256;

/** Two of these fit into the field of the enrolment, with room for what is beside them. */
export const recordLimit = 24 * 1024;

/**
 * The field `authorisation` of an enrolment: u8 kind, then for `pcr` a record, for `authorize` public key || u32 NV index || SIZED its
 * name || u8 count || approvals: u64 counter || values || signature || SIZED label || record. A record is SIZED JSON, empty without.
 */
export function serialisePolicyPart(part: PolicyPart, selection: PcrSelection): Buffer {
  if (part.kind === 'pcr') return Buffer.concat([u8(kinds.pcr), recordField(part.record)]);
  const { publicKey, counter, approvals } = part;
  return Buffer.concat([
    ...[u8(kinds.authorize), publicKey, u32(counter.handle), sized(counter.name), u8(approvals.length)],
    ...approvals.map((approval) => approvalField(approval, selection)),
  ]);
}

/**
 * @param path of the enrolment, for messages
 * @throws SesameError file-damaged, file-too-new
 */
export function parsePolicyPart(path: string, bytes: Buffer, selection: PcrSelection): PolicyPart {
  // So the first enrolments have it.
  if (bytes.length === 0) return { kind: 'pcr', record: undefined };
  const reader = new FileReader(path, bytes);
  const part = readPart(path, reader, selection);
  if (!reader.atEnd) throw reader.damaged('there is more in its policy than this version knows');
  return part;
}

function readPart(path: string, reader: FileReader, selection: PcrSelection): PolicyPart {
  const kind = reader.u8();
  if (kind === kinds.pcr) return { kind: 'pcr', record: readRecord(path, reader) };
  if (kind !== kinds.authorize) throw SesameError.of('file-too-new', { path, version: kind, known: kinds.authorize });
  const publicKey = reader.take(approvalKeyLength);
  const counter = { handle: reader.u32(), name: reader.sized() };
  const count = reader.u8();
  if (count === 0 || count > approvalLimit) throw reader.damaged(`it has ${count} approvals`);
  const approvals = Array.from({ length: count }, () => readApproval(path, reader, selection));
  return { kind: 'authorize', publicKey, counter, approvals };
}

function approvalField({ counter, values, signature, label, record }: Approval, selection: PcrSelection): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(counter);
  const ordered = selection.pcrs.map((pcr) => values.get(pcr) ?? Buffer.alloc(digestBytes(selection.bank)));
  return Buffer.concat([number, ...ordered, signature, sized(labelField(label)), recordField(record)]);
}

function labelField(label: string): Buffer {
  const bytes = Buffer.from(label);
  return bytes.length <= labelLimit ? bytes : Buffer.from(`${label.slice(0, labelLimit / 4)}…`);
}

function readApproval(path: string, reader: FileReader, { bank, pcrs }: PcrSelection): Approval {
  const counter = reader.u64();
  const values = new Map(pcrs.map((pcr) => [pcr, reader.take(digestBytes(bank))]));
  const signature = reader.take(approvalSignatureLength);
  return { counter, values, signature, label: reader.sized().toString('utf8'), record: readRecord(path, reader) };
}

function recordField(record: BootRecord | undefined): Buffer {
  return sized((record && serialiseBootRecord(record, recordLimit)) ?? Buffer.alloc(0));
}

function readRecord(path: string, reader: FileReader): BootRecord | undefined {
  const bytes = reader.sized();
  return bytes.length === 0 ? undefined : parseBootRecord(path, bytes);
}

/** The approval for exactly these values, the newest first. */
export function approvalOf({ approvals }: Authorisation, values: PcrValues): Approval | undefined {
  return approvals.findLast((approval) => isSameBoot(approval.values, values));
}

/** Whether other values, of these PCRs at least, have them the same. */
export function isSameBoot(values: PcrValues, other: PcrValues): boolean {
  return [...values].every(([pcr, value]) => other.get(pcr)?.equals(value) === true);
}
