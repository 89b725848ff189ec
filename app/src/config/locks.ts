// SPDX-License-Identifier: MIT
import { isDeepStrictEqual } from 'node:util';
import { assert } from '../core/errors.ts';
import { isDesktopKey } from './desktop.ts';
import { type Diagnostic, diagnose, type Place } from './diagnostics.ts';
import { type Document, isTable, placeOf, type Table, type Value } from './document.ts';
import { formatKey, type KeyPath, splitDottedKey } from './keys.ts';
import { replaceAt, tableWith, valueAt } from './merge.ts';
import { schemaProblems } from './schema-problems.ts';

/** A setting that policy.toml holds against every other file. */
export interface Lock {
  readonly path: readonly string[];
  readonly value: Value;
  readonly place: Place;
  /** Who demands it, where policy.toml says so. */
  readonly source: string | undefined;
}

/** The locks of a policy file. A lock that would lock nothing is an error: somebody relies on it. */
export function readLocks(policy: Document): { readonly locks: readonly Lock[]; readonly diagnostics: Diagnostic[] } {
  const diagnostics = schemaProblems(policy, 'policy');
  if (diagnostics.length > 0) return { locks: [], diagnostics };
  const locks: Lock[] = [];
  for (const [index, entry] of elementsOf(policy.table['policy']).entries()) {
    assert(isTable(entry) && typeof entry['key'] === 'string' && entry['value'] !== undefined, 'an entry that fits its schema');
    const place = placeOf(policy, ['policy', index, 'key']);
    const lock = readLock(policy, entry['key'], entry['value'], place);
    if ('severity' in lock) diagnostics.push(lock);
    else if (locks.some((other) => isDeepStrictEqual(other.path, lock.path)))
      diagnostics.push(diagnose('error', place, `${formatKey(lock.path)} is locked twice`, 'remove one of the two'));
    else locks.push({ ...lock, source: typeof entry['source'] === 'string' ? entry['source'] : undefined });
  }
  return { locks, diagnostics };
}

function readLock(policy: Document, key: string, value: Value, place: Place): Omit<Lock, 'source'> | Diagnostic {
  const path = splitDottedKey(key);
  if (path === undefined)
    return diagnose('error', place, 'this is not a dotted key', 'write one as in key = "global.logging.level"');
  if (isDesktopKey(path)) {
    return diagnose(
      'warning',
      place,
      `${formatKey(path)} is a setting of the desktop: the lock has no effect here`,
      'it may stay',
    );
  }
  const [problem] = schemaProblems({ ...policy, table: tableWith(path, value) }, 'configuration');
  if (problem !== undefined) return diagnose('error', place, problem.problem, problem.remedy);
  return { path, value, place };
}

/** The settings with every locked one as it must be. A locked table is replaced as a whole: nothing can be added to it. */
export function applyLocks(settings: Table, locks: readonly Lock[]): Table {
  return locks.reduce((table, { path, value }) => replaceAt(table, path, value), settings);
}

/** Whether policy.toml holds a setting, or a table around it. */
export function isLocked(locks: readonly Lock[], path: KeyPath): boolean {
  return locks.some((lock) => lock.path.every((part, index) => path[index] === part));
}

/** A warning for each file that has a locked setting otherwise, where it stands. */
export function overruled(layers: readonly Document[], locks: readonly Lock[]): Diagnostic[] {
  return layers.flatMap((layer) =>
    locks.flatMap(({ path, value, place, source }) => {
      const written = valueAt(layer.table, path);
      if (written === undefined || isDeepStrictEqual(written, value)) return [];
      const by = source === undefined ? place.file : `${place.file} (${source})`;
      return [
        diagnose(
          'warning',
          placeOf(layer, path),
          `${formatKey(path)} is locked by ${by}: what stands here is ignored`,
          'remove it',
        ),
      ];
    }),
  );
}

function elementsOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : [];
}
