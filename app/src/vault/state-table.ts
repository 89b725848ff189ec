// SPDX-License-Identifier: MIT
import type { Connection } from './database.ts';

/** A table of ours beside upstream's, which ignores it. It holds what a vault knows of itself; whoever reads or writes something secret wipes it. */
const schema = 'CREATE TABLE IF NOT EXISTS open_sesame_state (name TEXT PRIMARY KEY, value BLOB NOT NULL)';

/** Longest value, in bytes. */
const valueLimit = 1024;
const rowLimit = 16;

/** Everything that was written, by name; what is none of ours is left out. */
export function readState(connection: Connection): ReadonlyMap<string, Buffer> {
  const exists = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'open_sesame_state'").get();
  if (exists === undefined) return new Map();
  const rows = connection
    .prepare<[], [string, Buffer]>(
      `SELECT name, value FROM open_sesame_state
         WHERE typeof(name) = 'text' AND typeof(value) = 'blob' AND length(value) <= ${valueLimit} LIMIT ${rowLimit}`,
    )
    .raw()
    .iterate();
  return new Map(rows);
}

/** On the disk when this returns. */
export function writeState(connection: Connection, name: string, value: Buffer): void {
  connection.transaction(() => {
    connection.exec(schema);
    connection.prepare<[string, Buffer]>('INSERT OR REPLACE INTO open_sesame_state (name, value) VALUES (?, ?)').run(name, value);
  })();
}
