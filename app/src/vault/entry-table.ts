// SPDX-License-Identifier: MIT
import type Database from 'better-sqlite3-multiple-ciphers';
import type { Connection } from './database.ts';

/** An entry as it lies in the file: the name as bytes, for a foreign one may be no UTF-8, and the value encrypted. */
export interface StoredEntry {
  readonly name: Buffer;
  readonly value: Buffer;
  /** Unix seconds. */
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
}

/** A row of somebody else's making: what is undefined had another type or was too long to be an entry. */
export interface ForeignRow {
  readonly rowid: bigint;
  readonly name: Buffer | undefined;
  readonly value: Buffer | undefined;
  readonly createdAt: bigint;
  readonly updatedAt: bigint;
}

export interface EntryTimes {
  readonly name: Buffer;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Before the first row: rowids are 64-bit and signed. */
export const beforeFirstRow = -(2n ** 63n);

/** What a value or a name of another column type, or an absurd size, turns into: SQLite stores any type in any column. */
const blobUpTo = (limit: number) => `CASE WHEN typeof(value) = 'blob' AND length(value) <= ${limit} THEN value END`;
const nameUpTo = (limit: number) =>
  `CASE WHEN typeof(key) = 'text' AND length(CAST(key AS BLOB)) <= ${limit} THEN CAST(key AS BLOB) END`;
const seconds = (column: string) => `ifnull(CAST(${column} AS INTEGER), 0)`;

/** Foreign names may break our rules, yet a row that is longer than this is no name. */
const longestForeignName = 4096;

type Lower = [from: Buffer];
type Range = [from: Buffer, before: Buffer];
type TimesRow = [name: Buffer, createdAt: number, updatedAt: number];
type Row = [rowid: bigint, name: Buffer | null, value: Buffer | null, createdAt: bigint, updatedAt: bigint];

/**
 * The statements on the table `secrets`, prepared once for as long as the connection is open. Names are bound and read as
 * bytes and compared as bytes.
 */
export class EntryTable {
  readonly #find: Database.Statement<[name: Buffer], [value: Buffer | null]>;
  readonly #has: Database.Statement<[name: Buffer], [1]>;
  readonly #insert: Database.Statement<[name: Buffer, value: Buffer, createdAt: bigint, updatedAt: bigint]>;
  readonly #update: Database.Statement<[value: Buffer, now: bigint, name: Buffer]>;
  readonly #remove: Database.Statement<[name: Buffer]>;
  readonly #count: Database.Statement<[], [number]>;
  readonly #from: Database.Statement<Lower, TimesRow>;
  readonly #range: Database.Statement<Range, TimesRow>;
  readonly #rows: Database.Statement<[after: bigint], Row>;

  /** @param longestValue in bytes, encryption included */
  constructor(connection: Connection, longestValue: number) {
    const times = `SELECT CAST(key AS BLOB), ${seconds('created_at')}, ${seconds('updated_at')} FROM secrets WHERE typeof(key) = 'text'`;
    this.#find = connection
      .prepare<[Buffer], [Buffer | null]>(`SELECT ${blobUpTo(longestValue)} FROM secrets WHERE key = CAST(? AS TEXT)`)
      .raw();
    this.#has = connection.prepare<[Buffer], [1]>('SELECT 1 FROM secrets WHERE key = CAST(? AS TEXT)').raw();
    this.#insert = connection.prepare(
      'INSERT INTO secrets (key, value, created_at, updated_at) VALUES (CAST(? AS TEXT), ?, ?, ?)',
    );
    this.#update = connection.prepare(
      `UPDATE secrets SET value = ?, updated_at = max(?, ${seconds('created_at')}) WHERE key = CAST(? AS TEXT)`,
    );
    this.#remove = connection.prepare('DELETE FROM secrets WHERE key = CAST(? AS TEXT)');
    this.#count = connection.prepare<[], [number]>('SELECT count(*) FROM secrets').raw();
    this.#from = connection.prepare<Lower, TimesRow>(`${times} AND key >= CAST(? AS TEXT) ORDER BY key`).raw();
    this.#range = connection
      .prepare<Range, TimesRow>(`${times} AND key >= CAST(? AS TEXT) AND key < CAST(? AS TEXT) ORDER BY key`)
      .raw();
    this.#rows = connection
      .prepare<[bigint], Row>(
        `SELECT rowid, ${nameUpTo(longestForeignName)}, ${blobUpTo(longestValue)}, ${seconds('created_at')}, ${seconds('updated_at')}
           FROM secrets WHERE rowid > ? ORDER BY rowid`,
      )
      .raw()
      .safeIntegers();
  }

  /** @returns undefined without such an entry; its `value` is undefined when it is no blob or longer than an entry can be */
  find(name: Buffer): { readonly value: Buffer | undefined } | undefined {
    const row = this.#find.get(name);
    return row === undefined ? undefined : { value: row[0] ?? undefined };
  }

  has(name: Buffer): boolean {
    return this.#has.get(name) !== undefined;
  }

  /** @returns whether there was such an entry */
  update(name: Buffer, value: Buffer, now: bigint): boolean {
    return this.#update.run(value, now, name).changes > 0;
  }

  insert(entry: StoredEntry): void {
    this.#insert.run(entry.name, entry.value, entry.createdAt, entry.updatedAt);
  }

  /** @returns whether there was such an entry */
  remove(name: Buffer): boolean {
    return this.#remove.run(name).changes > 0;
  }

  count(): number {
    return this.#count.get()?.[0] ?? 0;
  }

  /** Names from `from` on, in byte order, and their times. Read only as far as the caller asks. */
  *times(from: Buffer, before: Buffer | undefined): Generator<EntryTimes> {
    const rows = before === undefined ? this.#from.iterate(from) : this.#range.iterate(from, before);
    for (const [name, createdAt, updatedAt] of rows) yield { name, createdAt, updatedAt };
  }

  /** Every row after a rowid, in the order of the file: a walk over a big vault reads each page once. */
  *rows(after: bigint): Generator<ForeignRow> {
    for (const [rowid, name, value, createdAt, updatedAt] of this.#rows.iterate(after)) {
      yield { rowid, name: name ?? undefined, value: value ?? undefined, createdAt, updatedAt };
    }
  }
}
