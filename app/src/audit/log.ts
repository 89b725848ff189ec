// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';
import { assert, describe, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { ChainHash } from '../crypto/derive.ts';
import { storageError } from '../linux/files.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { type AuditAction, ownAction } from './action.ts';
import { BootClock } from './boot-clock.ts';
import { ChainFile } from './chain-file.ts';
import { ChainWriter, headOf } from './chain-writer.ts';
import { actionText, type EventMembers, type Link, type RecoveryNote } from './entry.ts';
import { entryHash } from './entry-hash.ts';
import { gapError, isGap } from './gap.ts';
import type { ChainState, PendingEntry } from './group.ts';
import { GroupCommit } from './group-commit.ts';
import { type HeadReading, HeadWriter, readHead } from './head.ts';
import { type Attestation, type HeadKey, openHeadKey } from './head-key.ts';
import { rotatedFiles } from './rotated-files.ts';
import { type Survey, surveyLog } from './survey.ts';
import { readTail } from './tail.ts';
import type { VerifyOptions } from './verify.ts';

export interface AuditLogOptions {
  /** The current file; full ones stand beside it with the sequence number of their last entry behind the name. */
  readonly path: string;
  readonly headPath: string;
  readonly keyPath: string;
  readonly memory: SecretMemory;
  /** For new files; one that is under way keeps its own. */
  readonly hash: ChainHash;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Size at which a new file is begun, in bytes, and how many files are kept, the current one included. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /** What the kernel calls this boot. */
  readonly bootId: string;
  /** Of the audit files; the head and its key have 0600. By default 0600 too. */
  readonly mode?: number;
}

export interface AppendOptions {
  /** Whether the promise waits until the entry is on disk. Otherwise it is within a second. */
  readonly durable: boolean;
  /** UUID of the agent behind the action. */
  readonly agentId?: string;
  readonly additional?: EventMembers;
}

export interface AuditStatus {
  readonly path: string;
  /** Sequence number of the last entry on disk. */
  readonly sequence: number;
  readonly hash: ChainHash;
  readonly attestation: Attestation;
  /** Entries that wait to be written. */
  readonly pending: number;
  /** A gap that nobody has acknowledged, or why entries cannot be written. */
  readonly problem?: string;
}

/**
 * The audit chain's one writer. Entries that are appended while a group is being written share the next one: one write, one
 * fdatasync for the lines, one for the head. The order is that of the sequence numbers, whatever the clock says.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #file: ChainFile;
  readonly #key: HeadKey;
  readonly #head: HeadWriter;
  readonly #writer: ChainWriter;
  readonly #groups: GroupCommit<PendingEntry>;
  readonly #bootClock = new BootClock();
  #closed = false;

  private constructor(options: AuditLogOptions, file: ChainFile, key: HeadKey) {
    const { logger } = options;
    this.#options = options;
    this.#file = file;
    this.#key = key;
    const reading = readHead(options.headPath, key.bytes);
    const files = { descriptor: file.descriptor, rotated: rotatedFiles(options.path) };
    const survey = surveyLog(files, reading, options.hash, key.created);
    const state = startingState(survey, reading, options.bootId);
    file.resume(survey.length, survey.excess);
    this.#head = new HeadWriter(options.headPath, key.bytes, reading.state === 'authentic' ? reading.generation : 0);
    if (reading.state === 'missing' && survey.note === undefined) this.#head.create(headOf(state, survey.length));
    this.#writer = new ChainWriter({ ...options, file, head: this.#head }, state);
    this.#groups = new GroupCommit({
      commit: (group) => this.#writer.commit(group),
      noteDropped: (dropped) => ({ ...this.#event(ownAction('audit-recovery', 'dropped')), recovery: { dropped } }),
      sequence: state.sequence,
      logger,
    });
    if (survey.note !== undefined) this.#record(survey.note, survey.link);
  }

  /**
   * Finds the end of the log and goes on from there. What is wrong with it is logged, recorded in the chain and reported by
   * `status` and by verification; it never keeps the log from being written.
   * @throws SesameError storage-full, storage-read-only, storage-failed, storage-unsynced, file-unreadable, secret-memory-exhausted
   */
  static open(options: AuditLogOptions): AuditLog {
    const file = new ChainFile(options.path, options.mode ?? 0o600);
    try {
      const key = openHeadKey(options.memory, options.keyPath);
      try {
        return new AuditLog(options, file, key);
      } catch (thrown) {
        key.bytes.release();
        throw thrown;
      }
    } catch (thrown) {
      file.close();
      throw storageError(options.path, thrown);
    }
  }

  get path(): string {
    return this.#options.path;
  }

  /**
   * Adds an entry.
   * @returns its sequence number; for one that is not durable, the number it gets unless an entry before it fails
   * @throws SesameError message-invalid; for a durable entry also storage-full, storage-read-only, storage-failed: then it is not
   *   in the log
   */
  async append(action: AuditAction, { durable, agentId, additional }: AppendOptions): Promise<Pick<Link, 'sequence'>> {
    assert(!this.#closed, 'nothing is appended to a log that was closed');
    const entry = { ...this.#event(action), agentId, event: additional };
    return { sequence: durable ? await this.#groups.durable(entry) : this.#groups.eventual(entry) };
  }

  /**
   * Records that somebody has looked into the gaps so far: they are not reported as a problem from then on.
   * @throws SesameError as for a durable entry
   */
  async acknowledge(additional: EventMembers = {}): Promise<Pick<Link, 'sequence'>> {
    const acknowledged = { sequence: this.#writer.state.sequence };
    const event = this.#event(ownAction('audit-acknowledge', 'success'));
    return { sequence: await this.#groups.durable({ ...event, event: additional, acknowledged }) };
  }

  /** Returns when everything appended so far is on disk, or has failed. */
  flush(): Promise<void> {
    return this.#groups.flush();
  }

  /**
   * The last lines as they stand in the file, oldest first; fewer when they are too long for one answer.
   * @param after only entries behind this sequence number, and of these the oldest
   * @throws SesameError file-unreadable
   */
  tail(count: number, after?: number): string[] {
    try {
      const full = rotatedFiles(this.path).reverse();
      return readTail([{ path: this.path, length: this.#file.length }, ...full], count, after);
    } catch (thrown) {
      throw SesameError.of('file-unreadable', { path: this.path, cause: describe(thrown) }, thrown);
    }
  }

  /**
   * BLAKE3 of the line of an entry in hexadecimal, whatever hash the chain has. Empty where the chain leaves that number out, undefined when
   * its file was dropped, or for 0.
   * @throws SesameError file-unreadable
   */
  entryHash(sequence: number): string | undefined {
    try {
      return entryHash([...rotatedFiles(this.path), { path: this.path, length: this.#file.length, last: Infinity }], sequence);
    } catch (thrown) {
      throw SesameError.of('file-unreadable', { path: this.path, cause: describe(thrown) }, thrown);
    }
  }

  status(): AuditStatus {
    const { sequence, algorithm } = this.#writer.state;
    const problem = this.#problem();
    return {
      path: this.path,
      sequence,
      hash: algorithm,
      attestation: this.#key.attestation,
      pending: this.#groups.pending,
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** What `verifyChain` needs to judge this log while it is being written: the key, and where the current file ends. */
  verification(): VerifyOptions {
    return { head: { path: this.#options.headPath, key: this.#key }, length: this.#file.length };
  }

  /** Writes what waits, and wipes the key. Nothing may be appended afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    const lost = this.#groups.close();
    if (lost > 0) this.#options.logger.error('audit entries were lost', { entries: lost });
    this.#head.close();
    this.#file.close();
    this.#key.bytes.release();
  }

  #event(action: AuditAction): PendingEntry {
    return { action: actionText(action), timestampMs: this.#options.clock.wallMs(), monotonicMs: this.#bootClock.nowMs() };
  }

  /** Logs what was found at the start and writes it into the chain, in front of everything else. */
  #record(recovery: RecoveryNote, { sequence }: Link): void {
    const { logger } = this.#options;
    const outcome = Object.keys(recovery).join(',').replaceAll('_', '-');
    const fields = { path: this.path, sequence, found: outcome };
    if (isGap(recovery)) logger.error(gapError(this.path, sequence, recovery.lost).message, fields);
    else logger.warn('the end of the audit chain was not as expected; what was found is recorded in it', fields);
    this.#groups.eventual({ ...this.#event(ownAction('audit-recovery', outcome)), recovery });
    void this.flush(); // a failure is kept, logged and tried again by the group
  }

  #problem(): string | undefined {
    const { failure } = this.#groups;
    if (failure !== undefined) return describe(failure);
    if (this.#writer.headProblem !== undefined) return this.#writer.headProblem;
    const { gap } = this.#writer.state;
    return gap > 0 ? gapError(this.path, gap - 1, undefined).message : undefined;
  }
}

function startingState(survey: Survey, reading: HeadReading, bootId: string): ChainState {
  const { link, algorithm, boot, newlineMissing, note, length } = survey;
  const sameBoot = boot?.id === bootId;
  return {
    sequence: survey.sequence,
    hash: link.hash,
    algorithm,
    newFile: length === 0 ? { previous: link.sequence === 0 ? undefined : link } : undefined,
    newlineMissing,
    gap: reading.state === 'authentic' ? reading.head.gap : 0,
    setAside: note?.set_aside === true,
    boot: { counter: (boot?.counter ?? 0) + (sameBoot ? 0 : 1), id: bootId },
  };
}
