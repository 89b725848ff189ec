// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ChainHash } from '../crypto/derive.ts';
import { chainHashes, sameLink } from './chain.ts';
import type { Link, RecoveryNote } from './entry.ts';
import type { Head, HeadReading } from './head.ts';
import { longestReadableLine } from './lines.ts';
import type { ParsedEntry } from './parsed-entry.ts';
import type { RotatedFile } from './rotated-files.ts';
import { firstEntry, lastStanding, type Standing, vouchedEntry, walkFrom } from './standing.ts';

/** What stands of a log, and what has to be written down about the rest. Nothing is changed while finding out. */
export interface Survey {
  /** The last entry that stands; sequence 0 and an empty hash when there is none. */
  readonly link: Link;
  /** The highest sequence number that was ever given out, as far as can be known. */
  readonly sequence: number;
  readonly algorithm: ChainHash;
  /** Bytes of the current file that stand. */
  readonly length: number;
  /** Whether bytes follow that do not. */
  readonly excess: boolean;
  /** Whether the last line lacks only its newline. */
  readonly newlineMissing: boolean;
  readonly boot: ParsedEntry['boot'];
  readonly note: RecoveryNote | undefined;
}

export interface LogFiles {
  /** The current file, open for reading. */
  readonly descriptor: number;
  readonly rotated: readonly RotatedFile[];
}

/**
 * Finds the end of a log. Where the head vouches for an entry that is there, whatever follows it and does not link is a write
 * that was cut off before anybody was told of it. Without such an entry only the last line may be torn.
 * @param configured the hash of a log that has none yet
 * @param adopted there was no key before, so that a missing head is no loss
 */
export function surveyLog(files: LogFiles, reading: HeadReading, configured: ChainHash, adopted: boolean): Survey {
  const size = fstatSync(files.descriptor).size;
  const before = lastOfRotated(files.rotated, configured);
  const vouched = reading.state === 'authentic' ? standingBehind(files.descriptor, size, reading.head, before) : undefined;
  const standing = vouched ?? lastStanding(files.descriptor, size, before, configured);
  const highest = Math.max(
    standing.link.sequence,
    files.rotated.at(-1)?.last ?? 0,
    reading.state === 'authentic' ? reading.head.sequence : 0,
  );
  const note = {
    ...remainder(files.descriptor, size, standing),
    ...(highest === 0 && size === 0 ? {} : headNote(reading, vouched, size, adopted)),
  };
  return {
    ...standing,
    sequence: highest,
    excess: size > standing.length,
    note: Object.keys(note).length > 0 ? note : undefined,
  };
}

/** The end of the newest full file, which is where a new file has to go on. */
function lastOfRotated(rotated: readonly RotatedFile[], configured: ChainHash): Standing | undefined {
  const newest = rotated.at(-1);
  if (newest === undefined) return undefined;
  const descriptor = openSync(newest.path, 'r');
  try {
    const standing = lastStanding(descriptor, fstatSync(descriptor).size, undefined, configured);
    return standing.unreadable ? undefined : standing;
  } finally {
    closeSync(descriptor);
  }
}

/** What stands from the entry that the head vouches for; undefined when that entry is not where it was. */
function standingBehind(descriptor: number, size: number, head: Head, before: Standing | undefined): Standing | undefined {
  const nothing = {
    link: head,
    length: 0,
    boot: before?.boot,
    algorithm: head.algorithm,
    newlineMissing: false,
    unreadable: false,
  };
  if (head.sequence === 0) return walkFrom(descriptor, size, nothing);
  const vouched = vouchedEntry(descriptor, size, head);
  if (vouched !== undefined) return vouched.newlineMissing ? vouched : walkFrom(descriptor, size, vouched);
  // A rotation was under way: the entry is the last one of the file before.
  const first = firstEntry(descriptor, size);
  const endedThere = first === undefined ? sameLink(before?.link, head) : sameLink(first.previousFile, head);
  return endedThere ? walkFrom(descriptor, size, nothing) : undefined;
}

/** Where the bytes that do not stand are too many or too strange for a write that was cut off, the file is kept instead. */
function remainder(descriptor: number, size: number, standing: Standing): RecoveryNote {
  if (standing.newlineMissing) return { newline_restored: true };
  const excess = size - standing.length;
  if (excess === 0) return {};
  if (standing.unreadable || excess > longestReadableLine) return { set_aside: true };
  const torn = Buffer.alloc(excess);
  readSync(descriptor, torn, 0, excess, standing.length);
  return { torn: { bytes: excess, hash: chainHashes[standing.algorithm](torn) } };
}

function headNote(reading: HeadReading, vouched: Standing | undefined, size: number, adopted: boolean): RecoveryNote {
  if (reading.state === 'missing' && adopted) return { adopted: true };
  if (reading.state !== 'authentic') return { head: reading.state };
  const { sequence, hash, offset } = reading.head;
  if (vouched === undefined) return { lost: { sequence, hash } };
  // A slot is only ever torn after the lines it was to vouch for were written. With none there, somebody wrote over it.
  return !reading.complete && size === offset ? { head: 'not-authentic' } : {};
}
