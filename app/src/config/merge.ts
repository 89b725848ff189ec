// SPDX-License-Identifier: MIT
import { isTable, type Table, type Value } from './document.ts';
import type { KeyPath } from './keys.ts';

/** Two layers as one: tables are joined, anything else of the upper layer replaces what the lower one has. */
export function merge(lower: Table, upper: Table): Table {
  const merged: Record<string, Value> = Object.assign(Object.create(null), lower);
  for (const [key, value] of Object.entries(upper)) {
    const below = merged[key];
    merged[key] = isTable(below) && isTable(value) ? merge(below, value) : value;
  }
  return merged;
}

/** The table with this value at this path, in place of whatever stands there. */
export function replaceAt(table: Table, [key = '', ...rest]: readonly string[], value: Value): Table {
  const inner = table[key];
  const replacement = rest.length === 0 ? value : replaceAt(isTable(inner) ? inner : emptyTable, rest, value);
  return Object.assign(Object.create(null), table, { [key]: replacement });
}

/** A table that holds nothing but this value at this path. */
export function tableWith(path: readonly string[], value: Value): Table {
  return replaceAt(emptyTable, path, value);
}

/** The value at a path, or undefined. */
export function valueAt(root: Value, path: KeyPath): Value | undefined {
  let value: Value | undefined = root;
  for (const part of path) value = memberOf(value, part);
  return value;
}

/** A member of a table or an element of an array. */
export function memberOf(value: Value | undefined, part: string | number): Value | undefined {
  if (typeof part === 'string') return isTable(value) ? value[part] : undefined;
  const elements: readonly Value[] = Array.isArray(value) ? value : [];
  return elements[part];
}

const emptyTable: Table = Object.freeze(Object.create(null));
