// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import type { ForeignRow } from './entry-table.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name as the bytes that are bound and compared. */
export function encodeName(name: string): Buffer {
  // A lone surrogate would become U+FFFD and meet another name's entry.
  assert(name.isWellFormed(), 'a name that came through a boundary is Unicode');
  return Buffer.from(name, 'utf8');
}

/** @returns undefined for bytes that are no UTF-8: such a name could not be asked for again */
export function decodeName(name: Buffer | undefined): string | undefined {
  if (name === undefined) return undefined;
  try {
    return strict.decode(name);
  } catch {
    return undefined;
  }
}

/** What to call a row whose name may be anything. */
export function nameForPeople(row: ForeignRow): string {
  return row.name === undefined ? `row ${row.rowid}` : row.name.toString('utf8');
}

/** A half-open range of names in byte order; without `before` it has no end. */
export interface NameRange {
  readonly from: Buffer;
  readonly before: Buffer | undefined;
}

/** The names that start with `prefix`, literally, and come after `after`: one range, so that the index answers it at once. */
export function rangeOf(prefix = '', after?: string): NameRange {
  const first = encodeName(prefix);
  // The next name after any name is the same one with a zero byte more.
  const successor = after === undefined ? first : Buffer.concat([encodeName(after), Buffer.of(0)]);
  const from = Buffer.compare(successor, first) > 0 ? successor : first;
  return { from, before: prefix === '' ? undefined : afterAllWith(first) };
}

/** UTF-8 has no byte 0xff, so that the last byte can always be raised by one. */
function afterAllWith(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}
