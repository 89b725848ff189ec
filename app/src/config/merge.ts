// SPDX-License-Identifier: MIT
import { isTable, type Table, type Value } from './document.ts';

/** Two layers as one: tables are joined, anything else of the upper layer replaces what the lower one has. */
export function merge(lower: Table, upper: Table): Table {
  const merged: Record<string, Value> = Object.assign(Object.create(null), lower);
  for (const [key, value] of Object.entries(upper)) {
    const below = merged[key];
    merged[key] = isTable(below) && isTable(value) ? merge(below, value) : value;
  }
  return merged;
}

/** The value at a path of keys, or undefined. */
export function valueAt(table: Table, path: readonly string[]): Value | undefined {
  let value: Value | undefined = table;
  for (const key of path) value = isTable(value) ? value[key] : undefined;
  return value;
}

/** A table that holds nothing but this value at this path. */
export function tableWith([key = '', ...rest]: readonly string[], value: Value): Table {
  return Object.assign(Object.create(null), { [key]: rest.length === 0 ? value : tableWith(rest, value) });
}
