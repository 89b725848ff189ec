// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Link, RecoveryNote } from './entry.ts';

/** Whether a note says that entries are gone, or may be, without anybody being able to say which. */
export function isGap({ lost, head, set_aside: setAside }: RecoveryNote): boolean {
  return lost !== undefined || head !== undefined || setAside === true;
}

/**
 * @param sequence of the last entry before the gap
 * @param lost the entry that the head vouched for, where that is known
 */
export function gapError(path: string, sequence: number, lost: Link | undefined): SesameError {
  if (lost !== undefined) return SesameError.of('audit-tail-missing', { path, sequence, head: lost.sequence });
  return SesameError.of('audit-unvouched', { path, sequence });
}
