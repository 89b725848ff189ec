// SPDX-License-Identifier: MIT
import { type Diagnostic, diagnose } from './diagnostics.ts';
import { type Document, isTable, placeOf, type Table, type Value } from './document.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { configurationSchema, ignoredSetting } from './schema.ts';
import { type SchemaNode, schemaAt } from './schema-node.ts';
import { mostProblems } from './schema-problems.ts';

/** The sections of a file that only the desktop knows, so that nobody waits for them to take effect here. */
export function desktopSections(document: Document): Diagnostic[] {
  const found: KeyPath[] = [];
  const visit = (value: Value, node: SchemaNode | undefined, path: KeyPath): void => {
    if (node === ignoredSetting) found.push(path);
    else if (node !== undefined && isTable(value))
      for (const [key, inner] of Object.entries(value)) visit(inner, schemaAt(node, [key]), [...path, key]);
  };
  visit(document.table, configurationSchema, []);
  return found.slice(0, mostProblems).map((path) => {
    const problem = `${formatKey(path)} is a setting of the desktop and has no effect here`;
    return diagnose('info', placeOf(document, path), problem, 'it may stay');
  });
}

const profileSettings: Readonly<Record<string, SchemaNode>> =
  schemaAt(configurationSchema, ['profiles', 'NAME'])?.properties ?? {};

/** The settings without those of the desktop, which would be held in memory for nothing. */
export function withoutDesktop(table: Table, schema: SchemaNode = configurationSchema): Table {
  const kept: Record<string, Value> = Object.create(null);
  for (const [key, value] of Object.entries(table)) {
    const node = schemaAt(schema, [key]);
    if (node !== undefined && node !== ignoredSetting) kept[key] = isTable(value) ? withoutDesktop(value, node) : value;
  }
  return kept;
}

/** Whether a lock is on a desktop setting. The desktop also names those of a profile without the profile: `clipboard.max_history`. */
export function isDesktopKey(path: readonly string[]): boolean {
  for (let length = 1; length <= path.length; length += 1) {
    if (schemaAt(configurationSchema, path.slice(0, length)) === ignoredSetting) return true;
  }
  return profileSettings[path[0] ?? ''] === ignoredSetting;
}
