// SPDX-License-Identifier: MIT
import { closeSync, constants, fchmodSync, ftruncateSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { assert } from '../core/errors.ts';
import { storageError, syncDirectory } from '../linux/files.ts';
import { syncData, truncate, writeFully } from './descriptor.ts';
import { rotatedFiles, rotatedPath } from './rotated-files.ts';

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;

/** The current file of a log. What stands in it ends at `length`; what may follow was cut off and goes with the next write. */
export class ChainFile {
  readonly path: string;
  readonly #mode: number;
  #descriptor: number | undefined;
  #length = 0;
  #excess = false;

  /** @throws SesameError storage-full, storage-read-only, storage-failed, storage-unsynced */
  constructor(path: string, mode: number) {
    this.path = path;
    this.#mode = mode;
    this.#attempt(() => this.#open());
  }

  /** Bytes that stand. */
  get length(): number {
    return this.#length;
  }

  get descriptor(): number {
    assert(this.#descriptor !== undefined, 'the audit file is open');
    return this.#descriptor;
  }

  /** Whether bytes follow that do not stand. */
  get excess(): boolean {
    return this.#excess;
  }

  resume(length: number, excess: boolean): void {
    this.#length = length;
    this.#excess = excess;
  }

  /**
   * Adds bytes and returns when they are on disk. When that fails the file is as it was before.
   * @throws SesameError storage-full, storage-read-only, storage-failed, storage-unsynced
   */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      const descriptor = this.#open();
      const end = this.#length + bytes.length;
      await writeFully(descriptor, bytes, this.#length);
      if (this.#excess) await truncate(descriptor, end);
      await syncData(descriptor);
      this.resume(end, false);
    } catch (thrown) {
      this.#withdraw();
      throw storageError(this.path, thrown);
    }
  }

  /** Takes back what a failed write left, so that nobody reads half a line. If that fails too, the next write does it. */
  #withdraw(): void {
    this.#excess = true;
    if (this.#descriptor === undefined) return;
    try {
      ftruncateSync(this.#descriptor, this.#length);
      this.#excess = false;
    } catch {
      // What made the write fail is what gets reported.
    }
  }

  /**
   * Ends this file; the next write begins a new one. A power cut in between leaves a log without a current file, which is a
   * state to go on from.
   * @param last sequence number of the last entry in the file that is full
   * @throws SesameError storage-full, storage-read-only, storage-failed, storage-unsynced
   */
  rotate(last: number): void {
    this.#attempt(() => {
      renameSync(this.path, rotatedPath(this.path, last));
      this.close();
      this.resume(0, false);
    });
  }

  /**
   * Removes the oldest files.
   * @param keep how many may stay, the current one included
   * @throws SesameError storage-read-only, storage-failed, storage-unsynced
   */
  removeOldest(keep: number): void {
    this.#attempt(() => {
      const surplus = rotatedFiles(this.path).slice(0, keep > 1 ? 1 - keep : undefined);
      for (const { path } of surplus) unlinkSync(path);
      if (surplus.length > 0) syncDirectory(dirname(this.path));
    });
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    const descriptor = openSync(this.path, O_RDWR | O_CREAT | O_NOFOLLOW, this.#mode);
    this.#descriptor = descriptor;
    fchmodSync(descriptor, this.#mode);
    syncDirectory(dirname(this.path));
    return descriptor;
  }

  #attempt<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (thrown) {
      throw storageError(this.path, thrown);
    }
  }
}
