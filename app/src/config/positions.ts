// SPDX-License-Identifier: MIT
import { formatKey, type KeyPart, type KeyPath, readDottedKey } from './keys.ts';

/** Where something stands in a text file. Both count from 1; columns count UTF-16 units, as editors and the TOML parser do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** For each key path of a document, in the form of `formatKey`, where its key stands; for an element of an array, the element. */
export type Positions = ReadonlyMap<string, Position>;

/**
 * Finds where each key of a TOML document stands. The parser tells this for syntax errors only.
 *
 * It relies on the parser having accepted the text: it finds its way and does not judge. Where a key appears several times (a
 * table and its sub-tables), the first place counts.
 */
export function findPositions(text: string): Positions {
  return new Scanner(text).scan();
}

class Scanner {
  readonly #text: string;
  readonly #positions = new Map<string, Position>();
  /** How many elements each array of tables has so far. */
  readonly #elements = new Map<string, number>();
  #offset = 0;
  #line = 1;
  #lineStart = 0;
  /** Index of the next line end, so that a long line is searched once and not once a key. */
  #lineEnd: number;

  constructor(text: string) {
    this.#text = text;
    this.#lineEnd = text.indexOf('\n');
  }

  scan(): Positions {
    let table: KeyPath = [];
    this.#skipVoid();
    while (this.#offset < this.#text.length) {
      if (this.#text[this.#offset] === '[') table = this.#readHeader();
      else this.#readPair(table);
      this.#skipVoid();
    }
    return this.#positions;
  }

  #readHeader(): KeyPath {
    const array = this.#text[this.#offset + 1] === '[';
    this.#offset += array ? 2 : 1;
    const parts = this.#readKey();
    const path = this.#record([], parts, array);
    this.#skipBlank();
    this.#offset += array ? 2 : 1;
    return path;
  }

  #readPair(table: KeyPath): void {
    const path = this.#record(table, this.#readKey(), false);
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

  /** Notes each part of a dotted key. A part that names an array of tables means its last element. */
  #record(table: KeyPath, parts: readonly KeyPart[], array: boolean): KeyPath {
    let path = table;
    for (const [index, part] of parts.entries()) {
      path = [...path, part.name];
      this.#note(path, part.offset);
      const name = formatKey(path);
      const elements = this.#elements.get(name);
      if (array && index === parts.length - 1) {
        this.#elements.set(name, (elements ?? 0) + 1);
        path = [...path, elements ?? 0];
        this.#note(path, part.offset);
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
      this.#note(element, this.#offset);
      this.#readValue(element);
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

  #note(path: KeyPath, offset: number): void {
    const name = formatKey(path);
    if (!this.#positions.has(name)) this.#positions.set(name, this.#positionOf(offset));
  }

  /** Offsets come in rising order. */
  #positionOf(offset: number): Position {
    while (this.#lineEnd !== -1 && this.#lineEnd < offset) {
      this.#line += 1;
      this.#lineStart = this.#lineEnd + 1;
      this.#lineEnd = this.#text.indexOf('\n', this.#lineStart);
    }
    return { line: this.#line, column: offset - this.#lineStart + 1 };
  }
}
