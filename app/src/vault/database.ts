// SPDX-License-Identifier: MIT
import { accessSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3-multiple-ciphers';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { storageError, syncDirectory } from '../linux/files.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { databaseCompanions, databasePath } from './paths.ts';

export type Connection = Database;

/** Which database an operation is about. */
export interface DatabaseLocation {
  /** The directory that holds the file, without the file's name. */
  readonly directory: string;
  readonly profile: string;
}

const busyTimeoutMs = 2000;

/** SQLCipher 4 with HMAC_SHA256 (1) and PBKDF2_HMAC_SHA256 (1), before the key; see "Vault file" of the format description. */
const cipherPragmas = ["cipher = 'sqlcipher'", 'legacy = 4', 'hmac_algorithm = 1', 'kdf_algorithm = 1', 'kdf_iter = 256000'];

/**
 * The order matters: with the exclusive lock taken first, the index of the write-ahead log is kept on the heap instead of in
 * a shared file of 32 KiB. So a vault can be read on a full disk, and on file systems without shared writable mappings (JFFS2).
 * 4 MiB of cache hold the inner pages of a vault with a million entries.
 */
const connectionPragmas = [
  'locking_mode = EXCLUSIVE',
  'journal_mode = WAL',
  'synchronous = FULL',
  'secure_delete = ON',
  'temp_store = MEMORY',
  'mmap_size = 0',
  'cache_size = -4096',
  'cell_size_check = ON',
  'trusted_schema = OFF',
];

const schema = `CREATE TABLE IF NOT EXISTS secrets (
  key TEXT PRIMARY KEY, value BLOB NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)`;

/**
 * The vault key in the form that `sqlite3_key` takes without deriving anything from it: `raw:` and the 32 bytes.
 * @throws SesameError secret-memory-exhausted
 */
export function rawDatabaseKey(memory: SecretMemory, vaultKey: SecretBytes): SecretBytes {
  const prefix = 'raw:';
  const key = memory.allocate(prefix.length + vaultKey.length);
  key.bytes.write(prefix, 'latin1');
  vaultKey.bytes.copy(key.bytes, prefix.length);
  return key;
}

/**
 * Makes a new database with an empty table, on the disk when this returns. After a failure there is no file.
 * @param key from rawDatabaseKey
 * @throws SesameError vault-exists, storage-full, storage-read-only, storage-failed
 */
export function createDatabase(location: DatabaseLocation, key: SecretBytes): Connection {
  const path = databasePath(location.directory, location.profile);
  try {
    // SQLite gives its companions the mode of this file.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'EEXIST') throw SesameError.of('vault-exists', { profile: location.profile }, thrown);
    throw storageError(path, thrown);
  }
  try {
    const connection = connect(location, key, (fresh) => fresh.exec(schema));
    syncDirectory(location.directory);
    return connection;
  } catch (thrown) {
    for (const companion of databaseCompanions(location.profile)) rmSync(join(location.directory, companion), { force: true });
    rmSync(path, { force: true });
    throw thrown;
  }
}

/**
 * Opens a database and proves the key by reading its first page.
 * @param key from rawDatabaseKey
 * @throws SesameError vault-file-missing, vault-key-refused, vault-damaged, vault-busy, storage-read-only, file-unreadable
 */
export function openDatabase(location: DatabaseLocation, key: SecretBytes): Connection {
  const path = databasePath(location.directory, location.profile);
  const size = fileSize(path);
  if (size === undefined) throw SesameError.of('vault-file-missing', { path, profile: location.profile });
  // SQLite takes an empty file for a new database, which any key opens.
  if (size === 0) throw SesameError.of('vault-damaged', { path, reason: 'it is empty' });
  return connect(location, key, (opened) => opened.prepare('SELECT count(*) FROM sqlite_schema').get());
}

function fileSize(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch (thrown) {
    throw SesameError.of('file-unreadable', { path, cause: describe(thrown) }, thrown);
  }
}

function connect(location: DatabaseLocation, key: SecretBytes, prove: (connection: Connection) => void): Connection {
  let connection: Connection | undefined;
  try {
    connection = new Database(databasePath(location.directory, location.profile), {
      fileMustExist: true,
      timeout: busyTimeoutMs,
    });
    for (const pragma of cipherPragmas) connection.pragma(pragma);
    connection.key(key.bytes);
    for (const pragma of connectionPragmas) connection.pragma(pragma);
    prove(connection);
    return connection;
  } catch (thrown) {
    connection?.close();
    throw databaseError(thrown, location);
  }
}

/** Whether SQLite reported this. The connection must be closed then: after a damaged page it answers nothing else any more. */
export function isDatabaseError(thrown: unknown): boolean {
  return thrown instanceof Database.SqliteError;
}

/** What SQLite reported, as what a person can act on. Anything else comes back as it is. */
export function databaseError(thrown: unknown, location: DatabaseLocation): unknown {
  if (!(thrown instanceof Database.SqliteError)) return thrown;
  const path = databasePath(location.directory, location.profile);
  const primary = thrown.code.split('_', 2).join('_');
  switch (primary) {
    case 'SQLITE_NOTADB':
      return SesameError.of('vault-key-refused', { path }, thrown);
    case 'SQLITE_FULL':
      return SesameError.of('storage-full', { path }, thrown);
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return SesameError.of('vault-busy', { profile: location.profile, operation: 'another program' }, thrown);
    case 'SQLITE_READONLY':
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_IOERR':
      return inputOutputError(thrown, path);
    case 'SQLITE_CORRUPT':
    case 'SQLITE_ERROR':
    case 'SQLITE_SCHEMA':
    case 'SQLITE_CONSTRAINT':
    case 'SQLITE_MISMATCH':
    case 'SQLITE_TOOBIG':
    case 'SQLITE_FORMAT':
      return SesameError.of('vault-damaged', { path, reason: thrown.message }, thrown);
    default:
      return SesameError.of('unexpected', { where: path, cause: `${thrown.code}: ${thrown.message}` }, thrown);
  }
}

/** SQLite names the call that failed and not why: on a read-only file system it is whichever call comes first. */
function inputOutputError(thrown: Database.SqliteError, path: string): SesameError {
  const cause = `${thrown.code}: ${thrown.message}`;
  try {
    accessSync(dirname(path), constants.W_OK);
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (refused) {
    return storageError(path, refused);
  }
  if (thrown.code === 'SQLITE_CANTOPEN' || thrown.code === 'SQLITE_IOERR_READ') {
    return SesameError.of('file-unreadable', { path, cause }, thrown);
  }
  return SesameError.of('storage-failed', { path, cause }, thrown);
}
