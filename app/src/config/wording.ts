// SPDX-License-Identifier: MIT
import { isTable, type Value } from './document.ts';
import { accepts, type SchemaNode } from './schema-node.ts';
import { nearest } from './suggestion.ts';

/** The longest value that a message repeats: a word of a setting. What is longer may be something that was pasted by mistake. */
const longestShown = 24;

/** What a setting takes, as in "must be …". */
export function kindOf(node: SchemaNode): string {
  if (node.enum !== undefined) return `one of ${listOf(node.enum)}`;
  const kinds: string[] = [];
  if (accepts(node, 'integer')) kinds.push(rangeOf(node));
  if (accepts(node, 'string')) kinds.push('text');
  if (accepts(node, 'boolean')) kinds.push('true or false');
  if (accepts(node, 'array')) kinds.push('a list');
  if (accepts(node, 'object')) kinds.push('a table');
  return kinds.join(' or ');
}

export function rangeOf({ minimum, maximum }: SchemaNode): string {
  return minimum === undefined || maximum === undefined ? 'a whole number' : `a whole number from ${minimum} to ${maximum}`;
}

/** What a value is, as in "and is …". */
export function nameOfKind(value: Value | undefined): string {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a number' : 'a number with a fraction';
  if (typeof value === 'boolean') return String(value);
  return isTable(value) ? 'a table' : 'a list';
}

/** A value as the file has it, where it is short enough. */
export function shown(value: Value | undefined): string {
  if (typeof value === 'string' && value.length <= longestShown) return JSON.stringify(value);
  return typeof value === 'number' ? String(value) : nameOfKind(value);
}

/** What to write in place of a value of the wrong type, as literally as can be said. */
export function typeRemedy(node: SchemaNode, name: string, value: Value | undefined): string {
  if (accepts(node, 'integer') && typeof value === 'string' && /^\d{1,15}$/.test(value)) {
    return `write it without quotes: ${name} = ${value}`;
  }
  if (accepts(node, 'boolean')) return `write ${name} = true or ${name} = false, without quotes`;
  if (accepts(node, 'array')) return `write a list: ${name} = ["…"]`;
  if (accepts(node, 'object')) return `write a section with [${name}] above its settings`;
  if (node.type === 'string' && node.enum === undefined) return `write it between double quotes: ${name} = "…"`;
  return `write ${kindOf(node)}`;
}

/** What to write in place of a word that is not one of those that a setting knows. */
export function valueRemedy({ enum: known = [] }: SchemaNode, value: Value | undefined): string {
  const meant = typeof value === 'string' ? nearest(value, known) : undefined;
  const list = `one of ${listOf(known)}`;
  return meant === undefined ? `write ${list}` : `did you mean ${JSON.stringify(meant)}? it is ${list}`;
}

export function maximumRemedy(node: SchemaNode, name: string): string {
  if (name !== 'config_version') return `write ${rangeOf(node)}`;
  return `the file is for a later version: update the program, or write the file for version ${node.maximum}`;
}

function listOf(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(', ');
}
