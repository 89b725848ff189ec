// SPDX-License-Identifier: MIT
import { type ChainHash, createChainHash } from '../crypto/derive.ts';
import type { Link } from './entry.ts';
import type { ParsedEntry } from './parsed-entry.ts';

export const chainHashes: Readonly<Record<ChainHash, (bytes: Uint8Array) => string>> = {
  blake3: createChainHash('blake3'),
  sha256: createChainHash('sha256'),
};

/** Both, in the order in which a file whose hash is not known yet is tried. */
export const chainHashNames: readonly ChainHash[] = ['blake3', 'sha256'];

/** Whether the sequence goes on by one, or jumps forward over a gap that the entry itself records. */
export function continues(entry: ParsedEntry, sequence: number): boolean {
  return entry.sequence === sequence + 1 || (entry.gap !== undefined && entry.sequence > sequence);
}

/** Whether the entry may stand behind the link: in the same file by its hash; as the first of a new one by naming it, or a gap. */
export function follows(entry: ParsedEntry, link: Link, firstOfFile: boolean): boolean {
  if (!continues(entry, link.sequence)) return false;
  if (!firstOfFile) return entry.previousHash === link.hash;
  if (entry.previousHash !== '') return false;
  return link.sequence === 0 || entry.gap !== undefined || sameLink(entry.previousFile, link);
}

export function sameLink(one: Link | undefined, other: Link): boolean {
  return one?.sequence === other.sequence && one.hash === other.hash;
}
