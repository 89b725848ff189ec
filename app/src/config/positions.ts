// SPDX-License-Identifier: MIT
import { formatKey, type KeyPart, type KeyPath, readDottedKey } from './keys.ts';

/** Where something stands in a text file. Both count from 1; columns count UTF-16 units, as editors and the TOML parser do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where a path of keys stands, as far as it does. */
export interface FoundPosition extends Position {
  /** How many parts of the path were found; the position is that of the last of them. */
  readonly depth: number;
}

/**
 * Finds where a key of a TOML document stands, or failing that the innermost table around it; for an element of an array, the
 * element. The parser tells positions for syntax errors only.
 *
 * It relies on the parser having accepted the text: it finds its way and does not judge. Where a key appears several times (a
 * table and its sub-tables), the first place counts. Nothing is kept between calls: a table of all positions is larger than a
 * daemon's heap allows, and only what is wrong is ever asked for.
 */
export function findPosition(text: string, path: KeyPath): FoundPosition | undefined {
  let depth = 0;
  let offset = 0;
  visitKeys(text, (visited, start) => {
    if (visited.length <= depth || visited.length > path.length) return false;
    if (visited.some((part, index) => part !== path[index])) return false;
    depth = visited.length;
    offset = start;
    return depth === path.length;
  });
  return depth === 0 ? undefined : { ...positionOf(text, offset), depth };
}

/** Is told of every key and element from top to bottom; ends the visit by answering true. */
export type KeyVisitor = (path: KeyPath, offset: number) => boolean;

/** Goes through all keys of a TOML document, those of inline tables and the elements of arrays included. */
export function visitKeys(text: string, visitor: KeyVisitor): void {
  new Scanner(text, visitor).scan();
}

export function positionOf(text: string, offset: number): Position {
  let line = 1;
  let lineStart = 0;
  for (let end = text.indexOf('\n'); end !== -1 && end < offset; end = text.indexOf('\n', lineStart)) {
    line += 1;
    lineStart = end + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

class Scanner {
  readonly #text: string;
  readonly #visitor: KeyVisitor;
  /** How many elements each array of tables has so far. */
  readonly #elements = new Map<string, number>();
  #offset = 0;

  constructor(text: string, visitor: KeyVisitor) {
    this.#text = text;
    this.#visitor = visitor;
  }

  scan(): void {
    let table: KeyPath = [];
    this.#skipVoid();
    while (this.#offset < this.#text.length) {
      if (this.#text[this.#offset] === '[') table = this.#readHeader();
      else this.#readPair(table);
      this.#skipVoid();
    }
  }

  #readHeader(): KeyPath {
    const array = this.#text[this.#offset + 1] === '[';
    this.#offset += array ? 2 : 1;
    const parts = this.#readKey();
    const path = this.#visit([], parts, array);
    this.#skipBlank();
    this.#offset += array ? 2 : 1;
    return path;
  }

  #readPair(table: KeyPath): void {
    const path = this.#visit(table, this.#readKey(), false);
    this.#skipBlank();
    this.#offset += 1; // the equals sign
    this.#skipBlank();
    this.#readValue(path);
  }

  #readKey(): readonly KeyPart[] {
    const key = readDottedKey(this.#text, this.#offset);
    // Only a text that the parser refuses ends up here: give up on the rest rather than loop.
    this.#offset = key?.end ?? this.#text.length;
    return key?.parts ?? [];
  }

  /** Visits each part of a dotted key. A part that names an array of tables means its last element. */
  #visit(table: KeyPath, parts: readonly KeyPart[], array: boolean): KeyPath {
    let path = table;
    for (const [index, { name, offset }] of parts.entries()) {
      path = [...path, name];
      this.#tell(path, offset);
      const isNewElement = array && index === parts.length - 1;
      if (!isNewElement && this.#elements.size === 0) continue;
      const key = formatKey(path);
      const elements = this.#elements.get(key);
      if (isNewElement) {
        this.#elements.set(key, (elements ?? 0) + 1);
        path = [...path, elements ?? 0];
        this.#tell(path, offset);
      } else if (elements !== undefined) {
        path = [...path, elements - 1];
      }
    }
    return path;
  }

  #readValue(path: KeyPath): void {
    const first = this.#text[this.#offset];
    if (first === '{') this.#readInlineTable(path);
    else if (first === '[') this.#readArray(path);
    else if (first === '"' || first === "'") this.#skipString(first);
    else this.#skip(/[^,\]}#\n]*/y);
  }

  #readInlineTable(path: KeyPath): void {
    this.#offset += 1;
    for (;;) {
      this.#skipVoid();
      if (this.#atEndOf('}')) return;
      this.#readPair(path);
      this.#skipVoid();
      if (this.#text[this.#offset] === ',') this.#offset += 1;
    }
  }

  #readArray(path: KeyPath): void {
    this.#offset += 1;
    for (let index = 0; ; index += 1) {
      this.#skipVoid();
      if (this.#atEndOf(']')) return;
      const element = [...path, index];
      const start = this.#offset;
      this.#tell(element, start);
      this.#readValue(element);
      if (this.#offset === start) this.#offset = this.#text.length; // no value, as in a refused text
      this.#skipVoid();
      if (this.#text[this.#offset] === ',') this.#offset += 1;
    }
  }

  #atEndOf(closing: string): boolean {
    if (this.#offset >= this.#text.length) return true;
    if (this.#text[this.#offset] !== closing) return false;
    this.#offset += 1;
    return true;
  }

  #skipString(quote: '"' | "'"): void {
    const multiline = this.#text.startsWith(quote.repeat(3), this.#offset);
    if (quote === "'") this.#skip(multiline ? /'''[\s\S]*?'{3,5}/y : /'[^']*'/y);
    else this.#skip(multiline ? /"""[^"\\]*(?:(?:\\[\s\S]|"(?!""))[^"\\]*)*"{3,5}/y : /"[^"\\]*(?:\\.[^"\\]*)*"/y);
  }

  /** Spaces, line ends and comments. */
  #skipVoid(): void {
    this.#skip(/[ \t\r\n]*/y);
    while (this.#text[this.#offset] === '#') {
      this.#skip(/[^\n]*/y);
      this.#skip(/[ \t\r\n]*/y);
    }
  }

  #skipBlank(): void {
    this.#skip(/[ \t]*/y);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#offset;
    // A pattern that does not fit is, again, a refused text.
    this.#offset = pattern.test(this.#text) ? pattern.lastIndex : this.#text.length;
  }

  #tell(path: KeyPath, offset: number): void {
    if (this.#offset < this.#text.length && this.#visitor(path, offset)) this.#offset = this.#text.length;
  }
}
