// SPDX-License-Identifier: MIT
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert, SesameError } from '../core/errors.ts';
import { readBounded, removeWiped, storageError, syncDirectory, writeDurably } from '../linux/files.ts';
import { committedPath, databaseCompanions, databaseName, generationNames, nextPath, wrapNames } from './paths.ts';

export { copyEntries } from './copy-entries.ts';

/**
 * A change of the master key touches the database and every factor's wrap, and no file system renames several files at once.
 * So a new generation of all of them is prepared in a directory of its own, `P.next`, under their final names. Renaming that
 * directory to `P.committed` is the one moment at which the new generation counts. Afterwards its files are moved into place,
 * and after a crash `recoverGeneration` moves the rest; before that moment a crash leaves the old generation untouched.
 */
export interface Generation {
  /** Where the new files go, under their final names, written durably and closed. */
  readonly directory: string;
  /**
   * Makes the new generation count and moves it into place. The vaults of both generations are closed.
   * @param dropped names of the old generation's files that have no successor: they are wiped
   * @throws SesameError storage-*. The caller then asks recoverGeneration which generation counts.
   */
  commit(dropped: readonly string[]): void;
  /** Wipes what was prepared. The old generation was never touched. */
  discard(): void;
}

/** What recoverGeneration found: nothing, a generation that counts and is in place now, or one that did not count and is gone. */
export type Recovery = 'none' | 'completed' | 'discarded';

/** Called before each change of the file system, with its name; a test throws or kills there. */
export type Step = (change: string) => void;

const manifestName = 'manifest.json';
const longestManifest = 4096;
const silent: Step = () => {};

/**
 * Starts a new generation of a profile's files; one that was left unfinished is wiped.
 * @param directory the directory `vaults/`
 * @throws SesameError storage-full, storage-read-only, storage-failed
 */
export function beginGeneration(directory: string, profile: string, step: Step = silent): Generation {
  assert(!existsSync(committedPath(directory, profile)), 'recoverGeneration comes before beginGeneration');
  const next = nextPath(directory, profile);
  discardNext(directory, profile, step);
  change(step, 'make the directory', next, () => mkdirSync(next, { mode: 0o700 }));
  return {
    directory: next,
    commit: (dropped) => commit(directory, profile, dropped, step),
    discard: () => discardNext(directory, profile, step),
  };
}

/**
 * Finishes or undoes what a crash interrupted. Called before anything of the profile is opened.
 * @throws SesameError file-damaged for a manifest that is none; storage-full, storage-read-only, storage-failed: call it again
 */
export function recoverGeneration(directory: string, profile: string, step: Step = silent): Recovery {
  const committed = existsSync(committedPath(directory, profile));
  if (committed) rollForward(directory, profile, step);
  const discarded = discardNext(directory, profile, step);
  if (committed) return 'completed';
  return discarded ? 'discarded' : 'none';
}

function commit(directory: string, profile: string, dropped: readonly string[], step: Step): void {
  const next = nextPath(directory, profile);
  const committed = committedPath(directory, profile);
  const staged = readdirSync(next);
  const known = generationNames(profile);
  assert(
    staged.every((name) => known.includes(name)),
    'a generation holds files of its profile, and its database is closed',
  );
  assert(staged.includes(databaseName(profile)), 'a generation has a database');
  assert(
    dropped.every((name) => known.includes(name) && !staged.includes(name)),
    'what is dropped has no successor',
  );
  assert(
    wrapNames(profile).every((name) => staged.includes(name) || dropped.includes(name) || !existsSync(join(directory, name))),
    'no wrap of the old master key stays beside the new database',
  );

  step('write the manifest');
  writeDurably(join(next, manifestName), Buffer.from(JSON.stringify({ version: 1, dropped })), 0o600);
  for (const name of staged) change(step, `sync ${name}`, join(next, name), () => syncFile(join(next, name)));
  syncDirectory(next);
  change(step, 'commit', committed, () => renameSync(next, committed));
  rollForward(directory, profile, step);
}

/** Every part of this can be repeated, whatever part of it was done before. */
function rollForward(directory: string, profile: string, step: Step): void {
  const committed = committedPath(directory, profile);
  step('sync the commit');
  // Nothing of the old generation may go before a power cut can no longer undo the commit.
  syncDirectory(directory);
  const staged = readdirSync(committed).filter((name) => name !== manifestName);
  const dropped = readManifest(committed, profile, staged);

  if (staged.includes(databaseName(profile))) {
    for (const name of databaseCompanions(profile)) {
      change(step, `remove ${name}`, join(directory, name), () => rmSync(join(directory, name), { force: true }));
    }
    // The old log beside the new database would be taken for the new one's.
    syncDirectory(directory);
  }
  for (const name of staged) {
    if (name !== databaseName(profile)) {
      step(`wipe the old ${name}`);
      removeWiped(join(directory, name));
    }
    change(step, `move ${name}`, join(directory, name), () => renameSync(join(committed, name), join(directory, name)));
  }
  for (const name of dropped) {
    step(`drop ${name}`);
    removeWiped(join(directory, name));
  }
  syncDirectory(directory);
  syncDirectory(committed);
  change(step, 'remove the manifest', committed, () => rmSync(join(committed, manifestName), { force: true }));
  change(step, 'remove the directory', committed, () => rmdirSync(committed));
  syncDirectory(directory);
}

/** The names of the files to drop. The manifest goes last, so that only an empty directory may be without one. */
function readManifest(committed: string, profile: string, staged: readonly string[]): string[] {
  const path = join(committed, manifestName);
  const bytes = readBounded(path, longestManifest);
  if (bytes === undefined && staged.length === 0) return [];
  const known = generationNames(profile);
  const dropped = parseDropped(bytes?.toString('utf8') ?? '');
  if (dropped === undefined || !dropped.every((name) => known.includes(name))) {
    throw SesameError.of('file-damaged', { path, reason: 'it does not say which files the new generation drops' });
  }
  if (!staged.every((name) => known.includes(name))) {
    throw SesameError.of('file-damaged', { path: committed, reason: 'it holds files that are no part of a vault' });
  }
  return dropped;
}

function parseDropped(text: string): string[] | undefined {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof manifest !== 'object' || manifest === null) return undefined;
  if (!('version' in manifest) || manifest.version !== 1) return undefined;
  if (!('dropped' in manifest) || !Array.isArray(manifest.dropped)) return undefined;
  const dropped: unknown[] = manifest.dropped;
  return dropped.every((name) => typeof name === 'string') ? dropped : undefined;
}

/** @returns whether there was one */
function discardNext(directory: string, profile: string, step: Step): boolean {
  const next = nextPath(directory, profile);
  if (!existsSync(next)) return false;
  for (const name of readdirSync(next)) {
    const path = join(next, name);
    // The database is big and unreadable without a wrap. A write that was cut off may have left a wrap under another name.
    if (name.startsWith(databaseName(profile))) {
      change(step, `remove the new ${name}`, path, () => rmSync(path));
    } else {
      step(`wipe the new ${name}`);
      removeWiped(path);
    }
  }
  change(step, 'remove the directory', next, () => rmdirSync(next));
  syncDirectory(directory);
  return true;
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function change(step: Step, name: string, path: string, action: () => void): void {
  step(name);
  try {
    action();
  } catch (thrown) {
    throw storageError(path, thrown);
  }
}
