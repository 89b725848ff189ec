// SPDX-License-Identifier: MIT
import { isUtf8 } from 'node:buffer';
import { parse, TomlDate, TomlError } from 'smol-toml';
import { assert } from '../core/errors.ts';
import { type Diagnostic, diagnose, type Place, startOf } from './diagnostics.ts';
import type { KeyPath } from './keys.ts';
import { findPosition, visitKeys } from './positions.ts';
import { syntaxProblem } from './syntax.ts';

/**
 * The longest that all configuration files may be together, in bytes. Parsed, a file takes up to a hundred times its length, and a
 * daemon's heap has 12 MB: the worst that fits here still leaves it running.
 */
export const longestConfiguration = 65_536;

/** The most keys and elements of a file, counting each part of a dotted key: what the parser's memory depends on. */
const mostKeys = 8192;

/** How deep tables and arrays may nest. The schema needs 6; the rest is room for desktop settings. */
const deepest = 32;

export type Value = string | number | boolean | readonly Value[] | Table;
export interface Table {
  readonly [key: string]: Value;
}

/** A configuration file that TOML accepts. Its tables have no prototype. */
export interface Document {
  readonly file: string;
  readonly text: string;
  readonly table: Table;
}

export function isTable(value: Value | undefined): value is Table {
  return typeof value === 'object' && !Array.isArray(value);
}

/** The place of a key, or of the nearest table around it that is written out. */
export function placeOf({ file, text }: Pick<Document, 'file' | 'text'>, path: KeyPath): Place {
  const position = findPosition(text, path);
  return position === undefined ? startOf(file) : { file, line: position.line, column: position.column };
}

/** Parses the bytes of a configuration file; what is wrong with them as text or as TOML is one diagnostic. */
export function parseDocument(file: string, bytes: Buffer): Document | Diagnostic {
  const encoding = encodingProblem(file, bytes);
  if (encoding !== undefined) return encoding;
  // TextDecoder drops a byte order mark, which would shift the columns of the first line.
  const text = new TextDecoder().decode(bytes);
  if (hasTooManyKeys(text)) {
    return diagnose(
      'error',
      startOf(file),
      `it has more than ${mostKeys} keys and elements`,
      'shorten it: the daemons could not hold it',
    );
  }
  try {
    const table: unknown = parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: deepest });
    const stray = findStray(table, []);
    if (stray !== undefined) return diagnose('error', placeOf({ file, text }, stray.path), stray.problem, stray.remedy);
    assert(isPlainTable(table), 'a document is a table, and its values are plain unless one was found that is not');
    return { file, text, table };
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    return syntaxProblem(file, text, thrown);
  }
}

function hasTooManyKeys(text: string): boolean {
  let keys = 0;
  visitKeys(text, () => {
    keys += 1;
    return keys > mostKeys;
  });
  return keys > mostKeys;
}

interface Stray {
  readonly path: KeyPath;
  readonly problem: string;
  readonly remedy: string;
}

/** The first value that no setting can have: a date, which would pass for an empty table, or one that nests too deep. */
function findStray(value: unknown, path: KeyPath): Stray | undefined {
  if (value instanceof TomlDate) return { path, problem: 'no setting is a date', remedy: 'put it between double quotes' };
  if (typeof value !== 'object' || value === null) return undefined;
  if (path.length >= deepest) return { path, problem: `this is nested deeper than ${deepest}`, remedy: 'nest it less deep' };
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      const stray = findStray(element, [...path, index]);
      if (stray !== undefined) return stray;
    }
    return undefined;
  }
  for (const [key, inner] of Object.entries(value)) {
    const stray = findStray(inner, [...path, key]);
    if (stray !== undefined) return stray;
  }
  return undefined;
}

function isPlainTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
