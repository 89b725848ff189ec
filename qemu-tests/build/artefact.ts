// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

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

/** The path of an artefact, made now unless one of the same content is in the cache. */
export async function artefact({ cache, name, key, announcement, say, make }: Recipe): Promise<string> {
  const path = join(cache, `${name}-${key}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
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
  return path;
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
