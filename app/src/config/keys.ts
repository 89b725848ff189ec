// SPDX-License-Identifier: MIT

/** A place in a TOML document: names of keys, and indices into arrays. */
export type KeyPath = readonly (string | number)[];

/** One part of a dotted key as it stands in the text. */
export interface KeyPart {
  readonly name: string;
  /** Index of its first character, the quote included. */
  readonly offset: number;
}

/** A dotted key read from a text, and the index after it. */
export interface DottedKey {
  readonly parts: readonly KeyPart[];
  readonly end: number;
}

const bare = /[A-Za-z0-9_-]+/y;
const basic = /"(?:[^"\\\n]|\\.)*"/y;
const literal = /'[^'\n]*'/y;
const blank = /[ \t]*/y;

/**
 * Reads the dotted key that begins at the offset, spaces around its dots included (TOML 1.0, "Keys").
 * @returns undefined when there is no well-formed key
 */
export function readDottedKey(text: string, start: number): DottedKey | undefined {
  const parts: KeyPart[] = [];
  let offset = start;
  for (;;) {
    offset += lengthAt(blank, text, offset);
    const part = readPart(text, offset);
    if (part === undefined) return undefined;
    parts.push({ name: part.name, offset });
    offset += part.length;
    const dot = offset + lengthAt(blank, text, offset);
    if (text[dot] !== '.') return { parts, end: offset };
    offset = dot + 1;
  }
}

/** The names of a dotted key that makes up the whole text, or undefined when it is not one. */
export function splitDottedKey(text: string): string[] | undefined {
  const key = readDottedKey(text, 0);
  if (key === undefined || text.slice(key.end).trim() !== '') return undefined;
  return key.parts.map(({ name }) => name);
}

/** The path as TOML writes it, with an index in brackets: `profiles.default.auth`, `policy[2].key`. No two paths look the same. */
export function formatKey(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += (text === '' ? '' : '.') + (/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part));
  }
  return text;
}

function readPart(text: string, offset: number): { name: string; length: number } | undefined {
  if (text[offset] === '"') {
    const length = lengthAt(basic, text, offset);
    return length === 0 ? undefined : { name: decodeEscapes(text.slice(offset + 1, offset + length - 1)), length };
  }
  if (text[offset] === "'") {
    const length = lengthAt(literal, text, offset);
    return length === 0 ? undefined : { name: text.slice(offset + 1, offset + length - 1), length };
  }
  const length = lengthAt(bare, text, offset);
  return length === 0 ? undefined : { name: text.slice(offset, offset + length), length };
}

const escapes: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\u001b' };

function decodeEscapes(content: string): string {
  return content.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/g,
    (_, two: string | undefined, four: string | undefined, eight: string | undefined, simple: string | undefined) => {
      const digits = two ?? four ?? eight;
      if (digits === undefined) return escapes[simple ?? ''] ?? simple ?? '';
      const codePoint = Number.parseInt(digits, 16);
      return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : '';
    },
  );
}

function lengthAt(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0].length ?? 0;
}
