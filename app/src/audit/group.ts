// SPDX-License-Identifier: MIT
import type { ChainHash } from '../crypto/derive.ts';
import { chainHashes } from './chain.ts';
import { type AdditionalMembers, type EventMembers, entryLine, type Link, type RecoveryNote } from './entry.ts';
import { isGap } from './gap.ts';

/** An entry that waits to be written. */
export interface PendingEntry {
  /** From `actionText`. */
  readonly action: string;
  readonly timestampMs: number;
  readonly monotonicMs: number;
  readonly agentId?: string | undefined;
  readonly event?: EventMembers | undefined;
  readonly recovery?: RecoveryNote;
  readonly acknowledged?: Pick<Link, 'sequence'>;
}

/** Where the chain has come to. */
export interface ChainState {
  /** Sequence number of the last entry. */
  readonly sequence: number;
  /** Hash of the last line; empty at the very beginning. */
  readonly hash: string;
  readonly algorithm: ChainHash;
  /** The current file has no entry yet; if there was a file before, it ended here. */
  readonly newFile?: { readonly previous: Link | undefined } | undefined;
  /** The last line lacks its newline. */
  readonly newlineMissing: boolean;
  /** Sequence number of the oldest entry that records a gap nobody has acknowledged, or 0. */
  readonly gap: number;
  /** The current file does not end in entries and is not to be written to. */
  readonly setAside: boolean;
  readonly boot: { readonly counter: number; readonly id: string };
}

/** The lines of a group and where they bring the chain. Nothing is changed, so that a group that fails can be composed again. */
export function composeGroup(state: ChainState, group: readonly PendingEntry[]): { bytes: Buffer; state: ChainState } {
  const lines: Buffer[] = state.newlineMissing ? [Buffer.from('\n')] : [];
  let next = state;
  for (const entry of group) {
    const line = lineOf(next, entry);
    lines.push(line);
    next = {
      ...next,
      sequence: next.sequence + 1,
      hash: chainHashes[next.algorithm](line.subarray(0, -1)),
      newFile: undefined,
      newlineMissing: false,
      gap: gapAfter(next, entry),
    };
  }
  return { bytes: Buffer.concat(lines), state: next };
}

function lineOf(state: ChainState, entry: PendingEntry): Buffer {
  const previous = state.newFile?.previous;
  const additional: AdditionalMembers = {
    boot: state.boot.counter,
    boot_id: state.boot.id,
    monotonic_ms: entry.monotonicMs,
    ...entry.event,
    ...(previous && { previous_file: previous }),
    ...(entry.recovery && { recovery: entry.recovery }),
    ...(entry.acknowledged && { acknowledged: entry.acknowledged }),
  };
  return entryLine({
    sequence: state.sequence + 1,
    timestampMs: entry.timestampMs,
    action: entry.action,
    previousHash: state.newFile === undefined ? state.hash : '',
    agentId: entry.agentId,
    additional,
  });
}

function gapAfter({ gap, sequence }: ChainState, { acknowledged, recovery }: PendingEntry): number {
  if (acknowledged !== undefined) return 0;
  return gap === 0 && recovery !== undefined && isGap(recovery) ? sequence + 1 : gap;
}
