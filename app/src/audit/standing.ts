// SPDX-License-Identifier: MIT
import type { ChainHash } from '../crypto/derive.ts';
import { chainHashes, chainHashNames, follows } from './chain.ts';
import type { Link } from './entry.ts';
import type { Head } from './head.ts';
import { type Line, linesBackwards, linesForwards } from './lines.ts';
import { type ParsedEntry, parseEntry } from './parsed-entry.ts';

/** How far a file can be trusted to hold whole entries. */
export interface Standing {
  /** The last entry that stands. */
  readonly link: Link;
  /** Where the line after it begins, in bytes. */
  readonly length: number;
  readonly algorithm: ChainHash;
  readonly boot: ParsedEntry['boot'];
  /** The last line is whole but for its newline. */
  readonly newlineMissing: boolean;
  /** What comes last is not one torn line. */
  readonly unreadable: boolean;
}

/** The first entry of a file, unless its first line is torn or there is none. */
export function firstEntry(descriptor: number, size: number): ParsedEntry | undefined {
  const [line] = take(linesForwards(descriptor, 0, size), 1);
  return line?.terminated === true ? parseEntry(line.bytes) : undefined;
}

/** The entry that a head vouches for, if it stands where the head says. */
export function vouchedEntry(descriptor: number, size: number, head: Head): Standing | undefined {
  const newlineMissing = head.offset === size + 1;
  if (head.offset > size && !newlineMissing) return undefined;
  const [line] = take(linesBackwards(descriptor, Math.min(head.offset, size)), 1);
  if (line === undefined || line.terminated === newlineMissing) return undefined;
  const entry = parseEntry(line.bytes);
  if (entry?.sequence !== head.sequence || chainHashes[head.algorithm](line.bytes) !== head.hash) return undefined;
  const { sequence, hash, algorithm } = head;
  return { link: { sequence, hash }, length: line.end, algorithm, boot: entry.boot, newlineMissing, unreadable: false };
}

/** Goes on from an entry that is vouched for, as far as lines link. */
export function walkFrom(descriptor: number, size: number, start: Standing): Standing {
  let standing = start;
  for (const line of linesForwards(descriptor, start.length, size)) {
    const entry = parseEntry(line.bytes);
    if (entry === undefined || !follows(entry, standing.link, line.start === 0)) break;
    standing = standingAt(line, entry, start.algorithm);
  }
  return standing;
}

/**
 * Finds the end of a file that nothing vouches for. Its last line may be torn; what is before that line is never judged here.
 * @param before the end of the file before, which is where a file without entries goes on
 */
export function lastStanding(descriptor: number, size: number, before: Standing | undefined, configured: ChainHash): Standing {
  const [last, second, third] = take(linesBackwards(descriptor, size), 3);
  const start = before ?? { link: { sequence: 0, hash: '' }, boot: undefined };
  const nothing = { ...start, length: 0, algorithm: configured, newlineMissing: false, unreadable: false };
  if (last === undefined) return nothing;
  const entry = parseEntry(last.bytes);
  if (entry !== undefined && (last.terminated || linkingHash(entry, second) !== undefined))
    return standingAt(last, entry, linkingHash(entry, second) ?? configured);
  if (second === undefined) return last.start === 0 ? nothing : { ...nothing, unreadable: true };
  const secondEntry = parseEntry(second.bytes);
  if (secondEntry === undefined) return { ...nothing, unreadable: true };
  return standingAt(second, secondEntry, linkingHash(secondEntry, third) ?? configured);
}

function standingAt(line: Line, entry: ParsedEntry, algorithm: ChainHash): Standing {
  return {
    link: { sequence: entry.sequence, hash: chainHashes[algorithm](line.bytes) },
    length: line.end,
    algorithm,
    boot: entry.boot,
    newlineMissing: !line.terminated,
    unreadable: false,
  };
}

/** The hash by which an entry links to the line before it; any will do for the first line of a file. */
function linkingHash(entry: ParsedEntry, before: Line | undefined): ChainHash | undefined {
  if (before === undefined) return undefined;
  return chainHashNames.find((name) => chainHashes[name](before.bytes) === entry.previousHash);
}

function take(lines: Generator<Line>, count: number): Line[] {
  const taken: Line[] = [];
  for (const line of lines) {
    taken.push(line);
    if (taken.length === count) break;
  }
  return taken;
}
