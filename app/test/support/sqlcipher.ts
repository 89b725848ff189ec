// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
const source = join(root, 'node_modules/@commapp/sqlcipher-amalgamation/src');

const flags = [
  ...['-shared', '-fPIC', '-O1', '-w', '-Wl,-soname,libsqlite3.so.0'],
  ...['-DSQLITE_HAS_CODEC', '-DSQLITE_TEMP_STORE=2', '-DSQLITE_THREADSAFE=1', '-DSQLITE_ENABLE_COLUMN_METADATA'],
];

/** Debian's Python takes SQLite from a shared library, other builds of it may not. */
const pythons = ['/usr/bin/python3', 'python3'];

/** Opens a file as upstream does, runs statements, and answers their rows; bytes come as hexadecimal digits. */
const program = `
import json, os, sqlite3, sys
request = json.load(sys.stdin)
try:
    connection = sqlite3.connect(request['path'], isolation_level=None)
    for pragma in ["key = \\"x'" + request['key'] + "'\\"", 'cipher_page_size = 4096', 'cipher_hmac_algorithm = HMAC_SHA256',
                   'cipher_kdf_algorithm = PBKDF2_HMAC_SHA256', 'kdf_iter = 256000', 'journal_mode = WAL']:
        connection.execute('PRAGMA ' + pragma).fetchall()
    plain = lambda value: value.hex() if isinstance(value, bytes) else value
    answer = {'rows': [[[plain(value) for value in row] for row in connection.execute(statement)]
                       for statement in request['statements']]}
except sqlite3.Error as error:
    answer = {'error': str(error)}
print(json.dumps(answer), flush=True)
if request['crash']: os._exit(0)
connection.close()
`;

type Value = string | number | null;

export interface SqlCipherRequest {
  readonly path: string;
  /** The raw key, as hexadecimal digits. */
  readonly key: string;
  readonly statements: readonly string[];
  /** Ends the process without closing the database, so that the write-ahead log stays. */
  readonly crash?: boolean;
}

/**
 * The original SQLCipher 4.5.5 with upstream's settings, through Python's sqlite3: an implementation that shares nothing with ours.
 * It is built at the first use (15 s) and kept in `.cache/`.
 * @returns the rows of each statement
 */
export function sqlCipher(request: SqlCipherRequest): Value[][][] {
  const answer = runPython(python(), program, JSON.stringify({ crash: false, ...request }));
  const parsed: { rows: Value[][][] } | { error: string } = JSON.parse(answer);
  if ('error' in parsed) throw new Error(`SQLCipher: ${parsed.error}`);
  return parsed.rows;
}

let found: string | undefined;

function python(): string {
  found ??= pythons.find((candidate) => {
    const version = 'import sqlite3; print(sqlite3.connect(":memory:").execute("PRAGMA cipher_version").fetchone()[0])';
    return runPython(candidate, version, '').startsWith('4.5.5');
  });
  if (found === undefined)
    throw new Error('no Python here takes SQLite from a shared library; install the Debian package python3');
  return found;
}

function runPython(interpreter: string, script: string, input: string): string {
  const { stdout } = spawnSync(interpreter, ['-c', script], {
    input,
    encoding: 'utf8',
    env: { LD_LIBRARY_PATH: library() },
    maxBuffer: 1 << 26,
  });
  return stdout ?? '';
}

/** The directory of the library. Its name tells what it was built from, so that a change of either builds anew. */
function library(): string {
  const hash = createHash('sha256')
    .update(readFileSync(join(source, 'sqlite3.c')))
    .update(flags.join(' '));
  const directory = join(root, `.cache/sqlcipher-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(directory)) build(directory);
  return directory;
}

/** Test files run side by side: each builds for itself, and the first to be ready gives its result to all. */
function build(directory: string): void {
  mkdirSync(join(directory, '..'), { recursive: true });
  const temporary = mkdtempSync(`${directory}.`);
  const output = join(temporary, 'libsqlite3.so.0');
  const { status, error, stderr } = spawnSync('gcc', [...flags, '-o', output, join(source, 'sqlite3.c'), '-lcrypto'], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(`SQLCipher was not built; install the Debian packages gcc, libc6-dev and libssl-dev: ${error ?? stderr}`);
  }
  try {
    renameSync(temporary, directory);
  } catch (thrown) {
    rmSync(temporary, { recursive: true });
    if (!existsSync(directory)) throw thrown;
  }
}
