// SPDX-License-Identifier: MIT
import { describe } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';

export interface GroupCommitOptions<Entry> {
  /** Writes a group; after it has failed, nothing of the group may be left. @returns the sequence number of its last entry */
  readonly commit: (group: readonly Entry[]) => Promise<number>;
  /** Says in the log that entries nobody waited for were given up. */
  readonly noteDropped: (count: number) => Entry;
  /** Sequence number of the last entry on disk. */
  readonly sequence: number;
  readonly logger: Logger;
}

interface Waiting<Entry> {
  readonly entry: Entry;
  /** Undefined when nobody waits. */
  readonly waiter: { resolve(sequence: number): void; reject(thrown: unknown): void } | undefined;
}

/** How long an entry nobody waits for may take to reach the disk, in ms. */
const gatherMs = 1000;
const largestGroup = 64;
/** Entries nobody waits for that are kept while the disk refuses writes. */
const mostKept = 1024;

/**
 * Gathers entries into groups that are written one after the other. An entry that somebody waits for starts a group at once,
 * or joins the one after the group under way; all others come along, or are written within a second.
 */
export class GroupCommit<Entry> {
  readonly #options: GroupCommitOptions<Entry>;
  #waiting: Waiting<Entry>[] = [];
  #underWay: readonly Waiting<Entry>[] = [];
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sequence: number;
  #dropped = 0;
  #failure: unknown;

  constructor(options: GroupCommitOptions<Entry>) {
    this.#options = options;
    this.#sequence = options.sequence;
  }

  get pending(): number {
    return this.#underWay.length + this.#waiting.length;
  }

  /** Why the last group could not be written; undefined when it was. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Adds an entry and returns its sequence number once it is on disk; rejects, and gives the entry up, when that fails. */
  durable(entry: Entry): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.push({ entry, waiter: { resolve, reject } });
    this.#start();
    return promise;
  }

  /** Adds an entry nobody waits for. @returns the sequence number it gets unless an entry before it fails */
  eventual(entry: Entry): number {
    this.#waiting.push({ entry, waiter: undefined });
    if (this.#waiting.length >= largestGroup && this.#failure === undefined) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), gatherMs);
    return this.#sequence + this.pending;
  }

  /** Returns when everything added so far is on disk or has failed. */
  async flush(): Promise<void> {
    await this.#running;
    while (this.#waiting.length > 0) {
      this.#start();
      await this.#running;
      if (this.#failure !== undefined) return;
    }
  }

  /** Gives up what could not be written. @returns how many entries that is */
  close(): number {
    clearTimeout(this.#timer);
    return this.pending + this.#dropped;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // whatever else is added in this tick comes along
    do {
      await this.#writeGroup();
    } while (this.#failure === undefined && this.#isGroupDue());
    this.#running = undefined; // in the tick of the last look at what waits, or an entry in between would wait for ever
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#start(), gatherMs);
  }

  #isGroupDue(): boolean {
    return this.#waiting.length >= largestGroup || this.#waiting.some(({ waiter }) => waiter !== undefined);
  }

  async #writeGroup(): Promise<void> {
    const group = this.#waiting.splice(0, largestGroup);
    if (group.length === 0) return;
    const dropped = this.#dropped;
    const note = dropped > 0 ? [{ entry: this.#options.noteDropped(dropped), waiter: undefined }] : [];
    this.#underWay = [...note, ...group];
    try {
      this.#sequence = await this.#options.commit(this.#underWay.map(({ entry }) => entry));
      this.#underWay = [];
      this.#dropped -= dropped;
      this.#failure = undefined;
      const first = this.#sequence - group.length + 1;
      for (const [index, { waiter }] of group.entries()) waiter?.resolve(first + index);
    } catch (thrown) {
      this.#underWay = [];
      this.#failed(group, thrown);
    }
  }

  /** Whoever waits is told now; the rest is kept for the next try, as long as it is not too much. */
  #failed(group: readonly Waiting<Entry>[], thrown: unknown): void {
    if (this.#failure === undefined) this.#options.logger.error('audit entries cannot be written', { cause: describe(thrown) });
    this.#failure = thrown;
    const all = [...group, ...this.#waiting];
    const kept = all.filter(({ waiter }) => waiter === undefined);
    this.#waiting = kept.slice(0, mostKept);
    this.#dropped += kept.length - this.#waiting.length;
    for (const { waiter } of all) waiter?.reject(thrown);
  }
}
