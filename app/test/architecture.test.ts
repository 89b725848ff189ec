// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'app/src');

/** The table of ARCHITECTURE.md: which rooms a room may import besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  linux: ['core'],
  memory: ['core', 'linux'],
  crypto: ['core', 'linux', 'memory'],
  ssh: ['core', 'linux', 'memory'],
  config: ['core', 'linux'],
  audit: ['core', 'linux', 'memory', 'crypto'],
  vault: ['core', 'linux', 'memory', 'crypto'],
  tpm: ['core', 'linux', 'memory', 'crypto'],
  factors: ['core', 'linux', 'memory', 'crypto', 'ssh', 'tpm'],
  bus: ['core', 'linux', 'memory', 'crypto'],
  daemons: ['core', 'linux', 'memory', 'crypto', 'config', 'audit', 'ssh', 'vault', 'tpm', 'factors', 'bus'],
  cli: ['core', 'linux', 'memory', 'crypto', 'config', 'audit', 'bus', 'factors', 'ssh', 'tpm'],
};

/** Packages that belong to one room only. */
const packageRooms: Readonly<Record<string, readonly string[]>> = {
  'ffi-rs': ['linux'],
  'better-sqlite3-multiple-ciphers': ['vault'],
  '@node-rs/argon2': ['crypto'],
  '@noble/hashes': ['crypto'],
  cborg: ['bus'],
  'smol-toml': ['config'],
};

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true })
    .map((name) => join(directory, String(name)))
    .filter((path) => statSync(path).isFile());
}

const sources = filesBelow(source).filter((path) => path.endsWith('.ts') && !path.includes('.generated.'));

function importsOf(path: string): Import[] {
  const room = relative(source, path).split('/')[0] ?? '';
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => ({
    file: relative(root, path),
    room,
    target: match[1] ?? '',
  }));
}

const imports = sources.flatMap(importsOf);

describe('the rooms', () => {
  it('are all in the table', () => {
    const rooms = new Set(sources.map((path) => relative(source, path).split('/')[0]));
    assert.deepEqual(
      [...rooms].filter((room) => !Object.hasOwn(mayImport, room ?? '')),
      [],
    );
  });

  it('import upwards only', () => {
    const wrong = imports
      .filter(({ target }) => target.startsWith('.'))
      .map((entry) => ({
        ...entry,
        to: relative(source, join(dirname(join(root, entry.file)), entry.target)).split('/')[0] ?? '',
      }))
      .filter(({ room, to }) => room !== to && !mayImport[room]?.includes(to))
      .map(({ file, target }) => `${file} imports ${target}`);
    assert.deepEqual(wrong, []);
  });

  it('keep each package to its own room', () => {
    const wrong = imports.filter(({ room, target }) => {
      const owner = Object.keys(packageRooms).find((name) => target === name || target.startsWith(`${name}/`));
      return owner !== undefined && !packageRooms[owner]?.includes(room);
    });
    assert.deepEqual(
      wrong.map(({ file, target }) => `${file} imports ${target}`),
      [],
    );
  });
});

describe('every source file', () => {
  it('starts with its licence', () => {
    const scripts = filesBelow(join(root, 'app')).concat(filesBelow(join(root, 'tools')));
    const missing = scripts.filter(
      (path) => /\.(ts|mjs)$/.test(path) && !readFileSync(path, 'utf8').startsWith('// SPDX-License-Identifier: MIT\n'),
    );
    assert.deepEqual(
      missing.map((path) => relative(root, path)),
      [],
    );
  });

  it('throws from the catalogue, never a plain Error', () => {
    const plain = sources.filter((path) => /new (Error|TypeError|RangeError)\(/.test(readFileSync(path, 'utf8')));
    assert.deepEqual(
      plain.map((path) => relative(root, path)),
      [],
    );
  });

  it('is at most 400 lines long', () => {
    const long = sources.filter((path) => readFileSync(path, 'utf8').split('\n').length > 400);
    assert.deepEqual(
      long.map((path) => relative(root, path)),
      [],
    );
  });
});
