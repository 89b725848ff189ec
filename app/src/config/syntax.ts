// SPDX-License-Identifier: MIT
import type { TomlError } from 'smol-toml';
import { type Diagnostic, diagnose } from './diagnostics.ts';

/** What to do about each complaint of the TOML parser, by the beginning of its message. */
const remedies: readonly (readonly [message: string, remedy: string])[] = [
  ['trying to redefine', 'this key or table stands in the file already: join the two'],
  ['each key-value declaration', 'put each setting on a line of its own, and text between double quotes'],
  ['expected end of table array', 'close the header with "]]"'],
  ['control characters', 'remove the control character; in text write it as \\n, \\t or \\u0000'],
  ['illegal quoted key', 'write the key between one pair of quotes'],
  ['unfinished string', 'close the text with the quote that it begins with'],
  ['unfinished array', 'close the list with "]"'],
  ['unfinished table', 'close the table with "}"'],
  ['expected comma or end', 'separate the elements with "," and close the list with "]" or the table with "}"'],
  ['incomplete key-value', 'write a setting as key = value, and a section as [name]'],
  ['unexpected end of key', 'write a name before the "="'],
  ['illegal character in key', 'a key has letters, digits, "_" and "-" only; put any other between double quotes'],
  ['illegal empty bare key', 'remove the dot that has no name beside it'],
  ['illegal leading zero', 'write the number without the zero in front; octal is 0o750'],
  ['integer value cannot be represented', 'write a number below 9007199254740992'],
  ['unrecognised escape', 'write a backslash as \\\\, or put the text between single quotes'],
  ['document contains an unsafe property', 'the names __proto__ and constructor are not allowed: choose another'],
  ['document contains excessively nested', 'nest tables and lists less deep'],
];

/** What is wrong where the TOML parser stopped. */
export function syntaxProblem(file: string, text: string, error: TomlError): Diagnostic {
  const { line, column } = error;
  // The parser's message goes on with a picture of the line, which is the caller's to draw.
  const complaint = (error.message.split('\n', 1)[0] ?? '').replace('Invalid TOML document: ', '');
  const written = text.split('\n', line)[line - 1] ?? '';
  return diagnose('error', { file, line, column }, complaint, unquotedRemedy(written) ?? remedyFor(complaint));
}

/** The commonest slip: text without quotes, or a boolean as other formats write it. */
function unquotedRemedy(line: string): string | undefined {
  const setting = /^\s*([A-Za-z0-9_.-]+)\s*=\s*([A-Za-z/.][^\s"'#,[\]{}]*)\s*(?:#.*)?$/.exec(line);
  const [, key, value] = setting ?? [];
  if (key === undefined || value === undefined || value === 'true' || value === 'false') return undefined;
  if (/^(true|yes|on)$/i.test(value)) return `write ${key} = true`;
  if (/^(false|no|off)$/i.test(value)) return `write ${key} = false`;
  // The text itself is not repeated: somebody may have put a password here.
  return `put the text between double quotes: ${key} = "…"`;
}

function remedyFor(complaint: string): string {
  return (
    remedies.find(([message]) => complaint.startsWith(message))?.[1] ?? 'correct the line; text stands between double quotes'
  );
}
