// SPDX-License-Identifier: MIT
import { type Diagnostic, diagnose } from './diagnostics.ts';
import { type Document, isTable, placeOf, type Table, type Value } from './document.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { mostProblems } from './schema-problems.ts';

/** Where the rules of a profile stand; a name stands at the place that is undefined. */
const accessPath: readonly (string | undefined)[] = ['profiles', undefined, 'secrets', 'access'];

/**
 * rules.toml reduced to what `init` writes there: the access rules of profiles. The state directory is writable, so that whoever can
 * write there must not become a client, change an algorithm or move the bus by it; the rest is ignored, and said.
 */
export function accessRulesOnly(document: Document): {
  readonly document: Document;
  readonly diagnostics: readonly Diagnostic[];
} {
  const strays: KeyPath[] = [];
  const table = rulesIn(document.table, [], strays);
  const diagnostics = strays.slice(0, mostProblems).map((path) => {
    const problem = `${formatKey(path)} has no effect here: this file holds access rules of profiles and nothing else`;
    return diagnose('warning', placeOf(document, path), problem, 'write it to config.toml, or remove it');
  });
  return { document: { ...document, table }, diagnostics };
}

/** @param strays where what does not belong here is added */
function rulesIn(table: Table, path: KeyPath, strays: KeyPath[]): Table {
  const kept: Record<string, Value> = Object.create(null);
  const wanted = accessPath[path.length];
  for (const [key, value] of Object.entries(table)) {
    const inner = [...path, key];
    if (wanted !== undefined && key !== wanted) strays.push(inner);
    else if (inner.length === accessPath.length) kept[key] = value;
    else if (isTable(value)) kept[key] = rulesIn(value, inner, strays);
    else strays.push(inner);
  }
  return kept;
}
