// SPDX-License-Identifier: MIT
import { isUtf8 } from 'node:buffer';

/** How `sesame export` writes. */
export type ExportFormat = 'shell' | 'dotenv' | 'json';

/** Why a format cannot hold a value, or undefined when it can. */
export function valueProblem(format: ExportFormat, value: Buffer): string | undefined {
  if (format !== 'json' && value.includes(0)) return 'it holds a NUL byte';
  if (format !== 'shell' && !isUtf8(value)) return 'it is not UTF-8';
  return undefined;
}

// All of this works on bytes and writes into one buffer of known size: a secret that became a string could not be wiped.

/** The value as it stands behind `NAME=`; to be wiped by the caller. Ask `valueProblem` first. */
export function quoteValue(format: ExportFormat, value: Buffer): Buffer {
  switch (format) {
    case 'shell':
      return quoteForShell(value);
    case 'dotenv':
      return quoteForDotenv(value);
    case 'json':
      return quoteForJson(value);
  }
}

const singleQuote = 0x27;
const doubleQuote = 0x22;
const backslash = 0x5c;

/** POSIX shell, 2.2.2: nothing has a meaning between single quotes, so only they themselves need care: `'\''`. */
function quoteForShell(value: Buffer): Buffer {
  return quote(value, singleQuote, (byte) => (byte === singleQuote ? "'\\''" : undefined));
}

/**
 * There is no standard for dotenv files. Single quotes are taken literally by every reader (systemd, docker compose, Node, the dotenv libraries,
 * and a shell), so they are used unless the value holds one; then double quotes, with a backslash before what a shell or systemd would interpret.
 */
function quoteForDotenv(value: Buffer): Buffer {
  if (!value.includes(singleQuote)) return quote(value, singleQuote, () => undefined);
  const special = new Set(Buffer.from('"\\$`'));
  return quote(value, doubleQuote, (byte) => (special.has(byte) ? `\\${String.fromCharCode(byte)}` : undefined));
}

/** RFC 8259, section 7: the quotation mark, the backslash and the control characters up to U+001F are escaped. */
function quoteForJson(value: Buffer): Buffer {
  return quote(value, doubleQuote, (byte) => {
    if (byte === doubleQuote || byte === backslash) return `\\${String.fromCharCode(byte)}`;
    return byte < 0x20 ? `\\u${byte.toString(16).padStart(4, '0')}` : undefined;
  });
}

/** @param escaped what stands in place of a byte; undefined leaves it */
function quote(value: Buffer, mark: number, escaped: (byte: number) => string | undefined): Buffer {
  // Measured before it is written: a buffer that grew would leave copies behind.
  let length = 2;
  for (const byte of value) length += escaped(byte)?.length ?? 1;
  const quoted = Buffer.alloc(length);
  let end = quoted.writeUInt8(mark, 0);
  for (const byte of value) {
    const replacement = escaped(byte);
    if (replacement === undefined) end = quoted.writeUInt8(byte, end);
    else end += quoted.write(replacement, end, 'latin1');
  }
  quoted.writeUInt8(mark, end);
  return quoted;
}
