// SPDX-License-Identifier: MIT
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { ChainHash } from '../crypto/derive.ts';
import type { ChainFile } from './chain-file.ts';
import { type ChainState, composeGroup, type PendingEntry } from './group.ts';
import type { Head, HeadWriter } from './head.ts';

export interface ChainWriterOptions {
  readonly file: ChainFile;
  readonly head: HeadWriter;
  /** For new files. */
  readonly hash: ChainHash;
  /** Size at which a new file is begun, in bytes. */
  readonly maxBytes: number;
  /** How many files are kept, the current one included. */
  readonly maxFiles: number;
  readonly logger: Logger;
}

/** Entries that are hashed before others get their turn. */
const entriesPerTurn = 4;

/** Puts groups of entries on disk: the lines, then the head that vouches for them, and a new file where one is due. */
export class ChainWriter {
  readonly #options: ChainWriterOptions;
  #state: ChainState;
  #headProblem: string | undefined;

  constructor(options: ChainWriterOptions, state: ChainState) {
    this.#options = options;
    this.#state = state;
  }

  get state(): ChainState {
    return this.#state;
  }

  /** Why the head could not be written after the last group; undefined when it was. */
  get headProblem(): string | undefined {
    return this.#headProblem;
  }

  /**
   * Returns when the entries are on disk. When that fails none of them is. A head that cannot be written is logged and tried
   * again with the next group: the entries are safe, only a cut tail would go unnoticed until then.
   * @returns the sequence number of the last entry
   * @throws SesameError storage-full, storage-read-only, storage-failed, storage-unsynced
   */
  async commit(group: readonly PendingEntry[]): Promise<number> {
    const { file } = this.#options;
    if (this.#state.setAside) this.#rotate();
    let composed = await this.#compose(group);
    if (this.#isFull(composed.bytes.length)) {
      this.#rotate();
      composed = await this.#compose(group);
    }
    const beginsFile = this.#state.newFile !== undefined;
    await file.append(composed.bytes);
    await this.#vouch(composed.state);
    this.#state = composed.state;
    if (beginsFile) this.#removeOldest();
    return composed.state.sequence;
  }

  /** Hashing a whole group at once would keep everybody on the bus waiting for milliseconds. */
  async #compose(group: readonly PendingEntry[]): Promise<{ bytes: Buffer; state: ChainState }> {
    let state = this.#state;
    const lines: Buffer[] = [];
    for (let start = 0; start < group.length; start += entriesPerTurn) {
      if (start > 0) await nextTurn();
      const part = composeGroup(state, group.slice(start, start + entriesPerTurn));
      lines.push(part.bytes);
      state = part.state;
    }
    return { bytes: Buffer.concat(lines), state };
  }

  /** A file that is to be mended first is full only after that. */
  #isFull(added: number): boolean {
    const { file, hash, maxBytes } = this.#options;
    if (file.length === 0 || file.excess || this.#state.newlineMissing) return false;
    return file.length + added > maxBytes || this.#state.algorithm !== hash;
  }

  #rotate(): void {
    const { file, hash: algorithm } = this.#options;
    const { setAside, sequence, hash } = this.#state;
    // A file that is set aside takes a number of its own, since that of its last entry is not known.
    const number = setAside ? sequence + 1 : sequence;
    file.rotate(number);
    const previous = setAside ? undefined : { sequence, hash };
    this.#state = { ...this.#state, sequence: number, algorithm, setAside: false, newlineMissing: false, newFile: { previous } };
  }

  async #vouch(state: ChainState): Promise<void> {
    try {
      await this.#options.head.write(headOf(state, this.#options.file.length));
      this.#headProblem = undefined;
    } catch (thrown) {
      this.#headProblem = describe(thrown);
      this.#options.logger.error('the head of the audit chain cannot be written', { cause: this.#headProblem });
    }
  }

  #removeOldest(): void {
    try {
      this.#options.file.removeOldest(this.#options.maxFiles);
    } catch (thrown) {
      this.#options.logger.warn('an old audit file cannot be removed', { cause: describe(thrown) });
    }
  }
}

/** @param offset where the next line begins, in bytes */
export function headOf({ sequence, hash, algorithm, gap }: ChainState, offset: number): Head {
  return { sequence, hash, algorithm, offset, gap };
}
