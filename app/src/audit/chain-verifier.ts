// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { ChainHash } from '../crypto/derive.ts';
import { chainHashes, chainHashNames, continues } from './chain.ts';
import type { Link } from './entry.ts';
import type { Head } from './head.ts';
import type { Line } from './lines.ts';
import { type ParsedEntry, parseEntry } from './parsed-entry.ts';

/** A gap that the chain itself records. */
export interface RecordedGap {
  /** Sequence number of the last entry before it. */
  readonly after: number;
  /** The entry that the head vouched for, where that is known. */
  readonly lost: Link | undefined;
}

/** Follows a chain line by line over its files, keeping nothing but where it stands. */
export class ChainVerifier {
  readonly #head: Head | undefined;
  #path = '';
  #line = 0;
  /** The hashes by which the file may still be linked; one as soon as it has two entries. */
  #candidates = chainHashNames;
  /** The last line's hash by each candidate. */
  #hashes: readonly string[] = [];
  #previousFile = false;
  #entries = 0;
  #first = 0;
  #last = 0;
  #gap: RecordedGap | undefined;
  #openGaps = 0;
  #acknowledgedGaps = 0;
  #vouched: boolean;
  #tornBytes = 0;

  /** @param head what has to be met on the way */
  constructor(head?: Head) {
    this.#head = head;
    this.#vouched = head?.sequence === 0;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Sequence number of the first entry, 0 without one; likewise `last`. */
  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  /** Of the current file; undefined while it may be either. */
  get hash(): ChainHash | undefined {
    return this.#candidates.length === 1 ? this.#candidates[0] : undefined;
  }

  /** The first gap that nobody acknowledged. */
  get gap(): RecordedGap | undefined {
    return this.#gap;
  }

  get acknowledgedGaps(): number {
    return this.#acknowledgedGaps;
  }

  /** Whether the entry of the head was met, with its hash. */
  get vouched(): boolean {
    return this.#vouched;
  }

  /** Bytes of a last line that is no entry and lacks its newline. */
  get tornBytes(): number {
    return this.#tornBytes;
  }

  /** Goes over to the next file, oldest first. @throws SesameError audit-damaged when the file before was cut off */
  begin(path: string): void {
    if (this.#tornBytes > 0) throw this.#damaged('the line is cut off, and another file follows');
    this.#previousFile = this.#entries > 0;
    this.#path = path;
    this.#line = 0;
  }

  /** @throws SesameError audit-damaged */
  accept(line: Line): void {
    this.#line += 1;
    const entry = parseEntry(line.bytes);
    if (entry === undefined && !line.terminated) {
      this.#tornBytes = line.end - line.start;
      return;
    }
    if (entry === undefined) throw this.#damaged('the line is not an entry');
    if (this.#line === 1) this.#beginFile(entry);
    else this.#link(entry);
    this.#follow(entry, line.bytes);
  }

  #beginFile(entry: ParsedEntry): void {
    if (entry.previousHash !== '') throw this.#damaged('the first entry of a file links to one that is not in it');
    const { previousFile, gap, sequence } = entry;
    if (this.#previousFile && gap === undefined) {
      if (previousFile?.sequence !== this.#last || !this.#hashes.includes(previousFile.hash))
        throw this.#damaged(`the file before it ends with entry ${this.#last}, and this one does not follow that`);
    } else if (sequence > 1 && previousFile === undefined && gap === undefined) {
      throw this.#damaged(`it begins with entry ${sequence} and names no file before it`);
    }
    if (this.#previousFile) this.#requireSequence(entry);
    this.#candidates = chainHashNames;
  }

  #link(entry: ParsedEntry): void {
    const matching = this.#candidates.filter((_, index) => this.#hashes[index] === entry.previousHash);
    if (matching.length === 0) throw this.#damaged(`entry ${entry.sequence} does not link to the line before it`);
    this.#candidates = matching;
    this.#requireSequence(entry);
  }

  #requireSequence(entry: ParsedEntry): void {
    if (!continues(entry, this.#last)) throw this.#damaged(`entry ${entry.sequence} follows entry ${this.#last}`);
  }

  #follow(entry: ParsedEntry, bytes: Buffer): void {
    if (this.#entries === 0) this.#first = entry.sequence;
    if (entry.gap !== undefined) {
      this.#gap ??= { after: this.#last, lost: entry.gap.lost };
      this.#openGaps += 1;
    }
    if (entry.acknowledges) {
      this.#gap = undefined;
      this.#acknowledgedGaps += this.#openGaps;
      this.#openGaps = 0;
    }
    this.#entries += 1;
    this.#last = entry.sequence;
    this.#hashes = this.#candidates.map((name) => chainHashes[name](bytes));
    if (entry.sequence === this.#head?.sequence) this.#vouched = chainHashes[this.#head.algorithm](bytes) === this.#head.hash;
  }

  #damaged(reason: string): SesameError {
    return SesameError.of('audit-damaged', { path: this.#path, line: this.#line, reason });
  }
}
