// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Tells a person what is going on, one line at a time. */
export type Say = (text: string) => void;

export interface Recipe {
  /** Directory of everything that can be made again. */
  readonly cache: string;
  /** What the artefact is called; older ones of the same name are removed. */
  readonly name: string;
  /** What it is made of: its content decides whether it is made again. */
  readonly key: string;
  /** Said before it is made, with how long that takes. */
  readonly announcement: string;
  readonly say: Say;
  /** Makes the artefact, a file or a directory, at the path; may be interrupted at any moment. */
  make(path: string): void | Promise<void>;
}

/** How often to look whether somebody else has made it, in ms. */
const betweenLooksMs = 200;

/**
 * The path of an artefact, made now unless one of the same content is in the cache. When several processes want it at the same time, one makes
 * it and the others wait.
 */
export async function artefact(recipe: Recipe): Promise<string> {
  const path = join(recipe.cache, `${recipe.name}-${recipe.key}`);
  mkdirSync(recipe.cache, { recursive: true });
  const lock = `${path}.lock`;
  while (!existsSync(path)) {
    if (!take(lock)) {
      await wait(betweenLooksMs);
      continue;
    }
    try {
      if (!existsSync(path)) await makeNow(path, recipe);
    } finally {
      rmSync(lock);
    }
  }
  return path;
}

async function makeNow(path: string, { cache, name, announcement, say, make }: Recipe): Promise<void> {
  say(announcement);
  const started = Date.now();
  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  await make(unfinished);
  for (const old of readdirSync(cache).filter((entry) => new RegExp(`^${name}-[0-9a-f]{16}$`).test(entry))) {
    rmSync(join(cache, old), { recursive: true, force: true });
  }
  renameSync(unfinished, path);
  say(`${name}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Whether the lock is this process's now. One that a process left behind which was ended is taken away for the next try. */
function take(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (thrown) {
    if (!isErrorCode(thrown, 'EEXIST')) throw thrown;
  }
  if (isAbandoned(lock)) rmSync(lock, { force: true });
  return false;
}

function isAbandoned(lock: string): boolean {
  try {
    const holder = readFileSync(lock, 'utf8');
    // Empty: it is being written.
    return holder !== '' && !existsSync(`/proc/${holder}`);
  } catch (thrown) {
    if (!isErrorCode(thrown, 'ENOENT')) throw thrown;
    return false;
  }
}

function isErrorCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}

/** 16 hexadecimal digits that change with any of the texts. */
export function contentKey(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${Buffer.byteLength(text)}:`).update(text);
  return hash.digest('hex').slice(0, 16);
}

/** A text that changes with the content, the names and the execute bits of a file or of everything in a directory. */
export function contentOf(path: string): string {
  const status = lstatSync(path);
  if (status.isSymbolicLink()) return `link ${readlinkSync(path)}`;
  if (status.isDirectory()) {
    const names = readdirSync(path).sort();
    return contentKey(...names.flatMap((name) => [name, contentOf(join(path, name))]));
  }
  const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
  return `file ${status.mode & 0o100} ${digest}`;
}
