// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { longestValue } from '../core/names.ts';
import { sealOverhead } from '../crypto/aead.ts';
import { overwriteDeadStack } from '../memory/dead-stack.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { type Connection, type DatabaseLocation, databaseError, isDatabaseError, openDatabase } from './database.ts';
import { EntryTable } from './entry-table.ts';

interface OpenDatabase {
  readonly connection: Connection;
  readonly entries: EntryTable;
  readonly idle: NodeJS.Timeout;
}

/**
 * A database that is open while it is used and closed soon after. SQLCipher keeps the page key on the C heap as long as it is
 * open; closing wipes that, and opening again takes less than a millisecond.
 */
export class DatabaseSession {
  readonly #location: DatabaseLocation;
  readonly #key: SecretBytes;
  readonly #idleCloseMs: number;
  #open: OpenDatabase | undefined;
  #ended = false;

  /** @param key from rawDatabaseKey; released by `end` */
  constructor(location: DatabaseLocation, key: SecretBytes, idleCloseMs: number) {
    this.#location = location;
    this.#key = key;
    this.#idleCloseMs = idleCloseMs;
  }

  /**
   * Opens the database now, with createDatabase or openDatabase.
   * @throws SesameError those of `connect`
   */
  start(connect: typeof openDatabase): OpenDatabase {
    const connection = connect(this.#location, this.#key);
    try {
      const entries = new EntryTable(connection, longestValue + sealOverhead);
      const idle = setTimeout(() => this.close(), this.#idleCloseMs).unref();
      this.#open = { connection, entries, idle };
      return this.#open;
    } catch (thrown) {
      connection.close();
      throw databaseError(thrown, this.#location);
    }
  }

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /**
   * Runs an action on the open database. After an error of SQLite's the connection is closed: it answers nothing else any more.
   * @throws SesameError vault-locked after `end`; those of databaseError
   */
  use<Result>(action: (entries: EntryTable, connection: Connection) => Result): Result {
    if (this.#ended) throw SesameError.of('vault-locked', { profile: this.#location.profile });
    const open = this.#open ?? this.start(openDatabase);
    open.idle.refresh();
    try {
      return action(open.entries, open.connection);
    } catch (thrown) {
      if (isDatabaseError(thrown)) this.close();
      throw databaseError(thrown, this.#location);
    }
  }

  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    clearTimeout(open.idle);
    open.connection.close();
    overwriteDeadStack();
  }

  /** Closes for good and wipes the key. */
  end(): void {
    this.#ended = true;
    this.close();
    this.#key.release();
  }
}
