// SPDX-License-Identifier: MIT
import type { Link, RecoveryNote } from './entry.ts';

/** What the chain needs to know of a line. The contents of its action are not judged. */
export interface ParsedEntry {
  readonly sequence: number;
  readonly previousHash: string;
  readonly boot: { readonly counter: number; readonly id: string } | undefined;
  readonly previousFile: Link | undefined;
  /** What a recovery note says is gone; undefined when nothing is. */
  readonly gap: { readonly lost: Link | undefined } | undefined;
  readonly acknowledges: boolean;
}

/** @returns undefined when the line is not an entry */
export function parseEntry(line: Uint8Array): ParsedEntry | undefined {
  const entry = parseObject(line);
  if (entry === undefined) return undefined;
  const { sequence, prev_hash: previousHash } = entry;
  if (!isSequence(sequence) || typeof previousHash !== 'string' || !isObject(entry['action'])) return undefined;
  return {
    sequence,
    previousHash,
    boot: bootOf(entry),
    previousFile: linkOf(entry['previous_file']),
    gap: gapOf(entry['recovery']),
    acknowledges: entry['acknowledged'] !== undefined,
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseObject(line: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // not JSON: the caller says what that means where it stands
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSequence(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function linkOf(value: unknown): Link | undefined {
  if (!isObject(value)) return undefined;
  const { sequence, hash } = value;
  return isSequence(sequence) && typeof hash === 'string' ? { sequence, hash } : undefined;
}

function bootOf(entry: JsonObject): ParsedEntry['boot'] {
  const { boot: counter, boot_id: id } = entry;
  return isSequence(counter) && typeof id === 'string' ? { counter, id } : undefined;
}

const gapMembers = ['lost', 'head', 'set_aside'] satisfies (keyof RecoveryNote)[];

function gapOf(value: unknown): ParsedEntry['gap'] {
  if (!isObject(value) || !gapMembers.some((member) => value[member] !== undefined)) return undefined;
  return { lost: linkOf(value['lost']) };
}
