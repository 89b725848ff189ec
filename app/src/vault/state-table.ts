// SPDX-License-Identifier: MIT
import type { Connection } from './database.ts';

/** A table of ours beside upstream's, which ignores it. It holds what a vault knows of itself, none of it secret. */
const schema = 'CREATE TABLE IF NOT EXISTS open_sesame_state (name TEXT PRIMARY KEY, value BLOB NOT NULL)';

/** Longest value, in bytes. */
const valueLimit = 1024;

/** @returns undefined when nothing was written under this name, or something that is none of ours */
export function readState(connection: Connection, name: string): Buffer | undefined {
  const exists = connection.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'open_sesame_state'").get();
  if (exists === undefined) return undefined;
  const row = connection
    .prepare<[string], [Buffer | null]>(
      `SELECT CASE WHEN typeof(value) = 'blob' AND length(value) <= ${valueLimit} THEN value END FROM open_sesame_state WHERE name = ?`,
    )
    .raw()
    .get(name);
  return row?.[0] ?? undefined;
}

/** On the disk when this returns. */
export function writeState(connection: Connection, name: string, value: Buffer): void {
  connection.transaction(() => {
    connection.exec(schema);
    connection.prepare<[string, Buffer]>('INSERT OR REPLACE INTO open_sesame_state (name, value) VALUES (?, ?)').run(name, value);
  })();
}
