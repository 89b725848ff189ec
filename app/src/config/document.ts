// SPDX-License-Identifier: MIT
import { isUtf8 } from 'node:buffer';
import { parse, TomlDate, TomlError } from 'smol-toml';
import { assert } from '../core/errors.ts';
import { type Diagnostic, diagnose, type Place, startOf } from './diagnostics.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { findPositions, type Positions } from './positions.ts';
import { syntaxProblem } from './syntax.ts';

/** The longest configuration file, in bytes. */
export const longestFile = 1_048_576;

/** How deep tables and arrays may nest. The schema needs 6; the rest is room for desktop settings. */
const deepest = 32;

export type Value = string | number | boolean | readonly Value[] | Table;
export interface Table {
  readonly [key: string]: Value;
}

/** A configuration file that TOML accepts. Its tables have no prototype. */
export interface Document {
  readonly file: string;
  readonly table: Table;
  readonly positions: Positions;
}

export function isTable(value: Value | undefined): value is Table {
  return typeof value === 'object' && !Array.isArray(value);
}

/** The place of a key, or of the nearest table around it that is written out. */
export function placeOf({ file, positions }: Pick<Document, 'file' | 'positions'>, path: KeyPath): Place {
  for (let length = path.length; length > 0; length -= 1) {
    const position = positions.get(formatKey(path.slice(0, length)));
    if (position !== undefined) return { file, ...position };
  }
  return startOf(file);
}

/** Parses the bytes of a configuration file; what is wrong with them as text or as TOML is one diagnostic. */
export function parseDocument(file: string, bytes: Buffer): Document | Diagnostic {
  const encoding = encodingProblem(file, bytes);
  if (encoding !== undefined) return encoding;
  // TextDecoder drops a byte order mark, which would shift the columns of the first line.
  const text = new TextDecoder().decode(bytes);
  try {
    const parsed: unknown = parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: deepest });
    const table = withoutDates(parsed, deepest);
    if (table === undefined || !isTable(table)) {
      return diagnose('error', startOf(file), `tables are nested deeper than ${deepest}`, 'remove the innermost tables');
    }
    return { file, table, positions: findPositions(text) };
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    return syntaxProblem(file, text, thrown);
  }
}

/**
 * The parsed document with every date as its text: no setting is a date, and a Date object would pass for an empty table.
 * @returns undefined when it is nested too deep
 */
function withoutDates(value: unknown, depth: number): Value | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof TomlDate) return value.toISOString();
  assert(typeof value === 'object' && value !== null, 'a TOML value is text, number, boolean, date, array or table');
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    const elements = value.map((element: unknown) => withoutDates(element, depth - 1));
    return elements.every((element) => element !== undefined) ? elements : undefined;
  }
  const table: Record<string, Value> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) {
    const converted = withoutDates(inner, depth - 1);
    if (converted === undefined) return undefined;
    table[key] = converted;
  }
  return table;
}

function encodingProblem(file: string, bytes: Buffer): Diagnostic | undefined {
  const mark = bytes.subarray(0, 2).toString('hex');
  if (mark === 'fffe' || mark === 'feff') return diagnose('error', startOf(file), 'the file is UTF-16', 'save it as UTF-8');
  if (isUtf8(bytes)) return undefined;
  // No byte of a longer character is a line feed, so each line can be judged by itself.
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(10); end !== -1 && isUtf8(bytes.subarray(start, end)); end = bytes.indexOf(10, start)) {
    line += 1;
    start = end + 1;
  }
  const end = bytes.indexOf(10, start);
  const column = new TextDecoder().decode(bytes.subarray(start, end === -1 ? bytes.length : end)).indexOf('\ufffd') + 1;
  return diagnose('error', { file, line, column }, 'this is not UTF-8', 'save the file as UTF-8');
}
