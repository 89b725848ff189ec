// SPDX-License-Identifier: MIT
import { isTable, type Value } from './document.ts';
import { memberSchema, type SchemaNode } from './schema-node.ts';

/**
 * A copy of a value that its schema allows, with every default of the schema where nothing is set, inside defaults too. What ajv makes of
 * the same schema with `useDefaults` is a function of 68 KB, which every start of a program would have to load.
 */
export function withDefaults(schema: SchemaNode, value: Value): Value {
  if (Array.isArray(value)) return value.map((element: Value) => withDefaults(schema.items ?? {}, element));
  if (!isTable(value)) return value;
  const defaults = Object.entries(schema.properties ?? {}).flatMap(([name, member]): [string, Value][] =>
    member.default === undefined ? [] : [[name, member.default]],
  );
  const members = Object.entries({ ...Object.fromEntries(defaults), ...value });
  return Object.fromEntries(members.map(([name, member]) => [name, withDefaults(memberSchema(schema, name) ?? {}, member)]));
}
