// SPDX-License-Identifier: MIT
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, SesameError } from '../core/errors.ts';
import type { ChainHash } from '../crypto/derive.ts';
import { ChainVerifier } from './chain-verifier.ts';
import { gapError } from './gap.ts';
import { type HeadReading, readHead } from './head.ts';
import type { Attestation, HeadKey } from './head-key.ts';
import { linesForwards } from './lines.ts';
import { rotatedFiles } from './rotated-files.ts';

export interface VerifyOptions {
  /** Without its key a head proves nothing, so it is not looked at then. */
  readonly head?: { readonly path: string; readonly key: HeadKey };
  /** Bytes of the current file to judge, where its writer is at work; by default all. */
  readonly length?: number;
}

export interface AuditReport {
  readonly path: string;
  /** How many files were judged: the full ones that stand beside `path` as well. */
  readonly files: number;
  readonly entries: number;
  /** Sequence numbers of the first and the last entry; 0 when there is none. */
  readonly first: number;
  readonly last: number;
  /** Of the last file. A single entry links by either hash; then this is that of the head, or blake3. */
  readonly hash: ChainHash;
  /** Whether the head vouches for the last entry, or for one before it: those behind it are covered by the next head. */
  readonly head: 'absent' | 'matches' | 'behind';
  readonly attestation: Attestation;
  /** Gaps that are recorded in the chain and were acknowledged. */
  readonly acknowledgedGaps: number;
  /** Bytes of a last line that is being written, or was cut off and will be recorded at the next start. */
  readonly tornBytes: number;
}

const { O_NONBLOCK, O_RDONLY } = constants;

const notAFile = 'it is not a regular file; verify a copy of it in a file';

/** Lines after which others get their turn. */
const linesPerTurn = 100;

/**
 * Judges the chain, not the contents of its actions: in constant memory, with the full files that stand beside `path`, and
 * without daemons or configuration. The hash is found out from the first link of each file.
 * @throws SesameError audit-damaged with the file and the line; audit-tail-missing and audit-unvouched when the head contradicts
 *   the chain, or for a gap that is recorded in it and not acknowledged; file-unreadable
 */
export async function verifyChain(path: string, options: VerifyOptions = {}): Promise<AuditReport> {
  const { head } = options;
  const files = openFiles(path, options.length);
  try {
    const reading: HeadReading = head === undefined ? { state: 'missing' } : readHead(head.path, head.key.bytes);
    const verifier = new ChainVerifier(reading.state === 'authentic' ? reading.head : undefined);
    for (const file of files) await verifyFile(verifier, file);
    requireVouched(path, verifier, options, reading);
    return {
      path,
      files: files.length,
      entries: verifier.entries,
      first: verifier.first,
      last: verifier.last,
      hash: verifier.hash ?? (reading.state === 'authentic' ? reading.head.algorithm : 'blake3'),
      head: headVerdict(reading, verifier.last),
      attestation: head?.key.attestation ?? 'self-attested',
      acknowledgedGaps: verifier.acknowledgedGaps,
      tornBytes: verifier.tornBytes,
    };
  } finally {
    for (const { descriptor } of files) closeSync(descriptor);
  }
}

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly length: number;
}

/** All at once, so that a rotation in between cannot move one away. */
function openFiles(path: string, length: number | undefined): OpenFile[] {
  const opened: OpenFile[] = [];
  try {
    for (const name of [...rotatedFiles(path).map((file) => file.path), path]) {
      // A FIFO must not make us wait for a writer.
      const descriptor = openSync(name, O_RDONLY | O_NONBLOCK);
      const stats = fstatSync(descriptor);
      const { size } = stats;
      opened.push({ path: name, descriptor, length: name === path ? Math.min(length ?? size, size) : size });
      // It has no size, so nothing of it would be read, and nothing verifies.
      if (!stats.isFile()) throw SesameError.of('file-unreadable', { path: name, cause: notAFile });
    }
    return opened;
  } catch (thrown) {
    for (const { descriptor } of opened) closeSync(descriptor);
    if (thrown instanceof SesameError) throw thrown;
    throw SesameError.of('file-unreadable', { path, cause: describe(thrown) }, thrown);
  }
}

async function verifyFile(verifier: ChainVerifier, { path, descriptor, length }: OpenFile): Promise<void> {
  verifier.begin(path);
  let untilTurn = linesPerTurn;
  for (const line of linesForwards(descriptor, 0, length)) {
    verifier.accept(line);
    untilTurn -= 1;
    if (untilTurn > 0) continue;
    untilTurn = linesPerTurn;
    await nextTurn();
  }
}

function requireVouched(path: string, verifier: ChainVerifier, { head }: VerifyOptions, reading: HeadReading): void {
  const { last, gap, vouched } = verifier;
  if (reading.state === 'authentic') {
    if (!vouched) throw gapError(path, last, reading.head);
    // See surveyLog: a slot that was torn by itself always has lines behind the entry of the other one.
    if (!reading.complete && last === reading.head.sequence) throw gapError(path, last, undefined);
  } else if (head !== undefined && last > 0) throw gapError(path, last, undefined);
  if (gap !== undefined) throw gapError(path, gap.after, gap.lost);
}

function headVerdict(reading: HeadReading, last: number): AuditReport['head'] {
  if (reading.state !== 'authentic') return 'absent';
  return reading.head.sequence === last ? 'matches' : 'behind';
}
