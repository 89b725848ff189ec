// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { isUuid } from '../core/uuid.ts';
import type { AuditAction } from './action.ts';

/** The longest line that is written, in bytes. */
export const longestLine = 8192;

/** A place in the chain: the entry's sequence number and the hash of its line. */
export interface Link {
  readonly sequence: number;
  /** 64 lower-case hexadecimal digits; empty before the first entry. */
  readonly hash: string;
}

/** What the log found wrong with itself when it was opened, or could not write. Stands in the first entry written afterwards. */
export interface RecoveryNote {
  /** Bytes after the last whole entry that were removed: a write that was cut off. */
  readonly torn?: { readonly bytes: number; readonly hash: string };
  /** The last line lacked only its newline, which was added. */
  readonly newline_restored?: true;
  /** The entry that the head vouched for and that was not there: everything after the entry before this one is gone. */
  readonly lost?: Link;
  /** The head could not vouch for anything: there was none, or its MAC was wrong. */
  readonly head?: 'missing' | 'not-authentic';
  /** The file before did not end in entries. It is kept as it is, and this is the first entry of a new one. */
  readonly set_aside?: true;
  /** The file was there before there was a head, as upstream leaves it. */
  readonly adopted?: true;
  /** Entries nobody waited for that were given up while the disk refused writes. */
  readonly dropped?: number;
}

/** What may be said about an event beside its action. */
export interface EventMembers {
  readonly requester_uid?: number;
  /** How many equal events the entry stands for. */
  readonly repeated?: number;
}

/** Members of ours beside upstream's, whose verifier ignores them. */
export interface AdditionalMembers extends EventMembers {
  /** Counts the boots this log has seen, for devices whose clock starts in 1970 each time. */
  readonly boot: number;
  readonly boot_id: string;
  /** Milliseconds since the boot. */
  readonly monotonic_ms: number;
  /** In the first entry of a file: where the file before ended. */
  readonly previous_file?: Link;
  readonly recovery?: RecoveryNote;
  /** Somebody has looked into every gap that was recorded up to this entry. */
  readonly acknowledged?: Pick<Link, 'sequence'>;
}

export interface NewEntry {
  readonly sequence: number;
  /** Milliseconds since 1970 by a clock that may lie. */
  readonly timestampMs: number;
  /** From `actionText`. */
  readonly action: string;
  readonly previousHash: string;
  readonly agentId: string | undefined;
  readonly additional: AdditionalMembers;
}

/** The line of an entry with its newline: members in upstream's order and ours behind them. */
export function entryLine({ sequence, timestampMs, action, previousHash, agentId, additional }: NewEntry): Buffer {
  const agent = agentId === undefined ? {} : { agent_id: agentId };
  const rest = JSON.stringify({ prev_hash: previousHash, ...agent, ...additional });
  return Buffer.from(
    `{"sequence":${sequence},"timestamp_ms":${Math.max(0, Math.trunc(timestampMs))},"action":${action},${rest.slice(1)}\n`,
  );
}

const longestAction = longestLine - 1024; // the rest is for the members around it
const uuidMembers: ReadonlySet<string> = new Set(['requester', 'target', 'previous', 'current', 'namespace']);
const longestDuration = 0xffff_ffff;

/**
 * The JSON of an action as upstream's parser accepts it: text is well-formed, a duration is a u32, ids are UUIDs.
 * @throws SesameError message-invalid when an id is not a UUID or the action is longer than a line may be
 */
export function actionText(action: AuditAction): string {
  const refuse = (reason: string) => SesameError.of('message-invalid', { kind: `audit ${Object.keys(action).join()}`, reason });
  const text = JSON.stringify(action, (member, value: unknown) => {
    if (member === 'duration_ms' && typeof value === 'number') return Math.min(Math.max(0, Math.trunc(value)), longestDuration);
    if (typeof value !== 'string') return value;
    if ((uuidMembers.has(member) || member === 'id') && !isUuid(value)) throw refuse(`${member} is not a UUID`);
    return value.toWellFormed();
  });
  if (Buffer.byteLength(text) > longestAction) throw refuse(`it is longer than ${longestAction} bytes`);
  return text;
}
