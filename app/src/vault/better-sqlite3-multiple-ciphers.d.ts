// SPDX-License-Identifier: MIT

/** The part of the package that the vault uses. Its own declarations are out of reach: its `exports` do not name them. */
declare module 'better-sqlite3-multiple-ciphers' {
  interface Options {
    fileMustExist?: boolean;
    /** How long to wait for another process's lock, in milliseconds. */
    timeout?: number;
  }

  /** Thrown for everything that SQLite itself reports. `code` is the name of the extended result code. */
  class SqliteError extends Error {
    readonly code: string;
  }

  class Statement<Parameters extends readonly unknown[] = [], Row = unknown> {
    run(...parameters: Parameters): { changes: number; lastInsertRowid: number | bigint };
    get(...parameters: Parameters): Row | undefined;
    iterate(...parameters: Parameters): IterableIterator<Row>;
    /** Rows as arrays. */
    raw(): this;
    /** Integers as bigint. */
    safeIntegers(): this;
  }

  /** Everything is synchronous and throws SqliteError. */
  class Database {
    static readonly SqliteError: typeof SqliteError;
    constructor(path: string, options?: Options);
    prepare<Parameters extends readonly unknown[] = [], Row = unknown>(source: string): Statement<Parameters, Row>;
    exec(source: string): this;
    pragma(source: string, options?: { simple?: boolean }): unknown;
    /** `sqlite3_key`: the bytes are copied to the C heap and wiped there when the database is closed. */
    key(key: Buffer): number;
    /** The function inside BEGIN and COMMIT; ROLLBACK when it throws. */
    transaction<Result>(action: () => Result): () => Result;
    close(): this;
  }

  namespace Database {
    export type { Options, SqliteError, Statement };
  }

  export = Database;
}
