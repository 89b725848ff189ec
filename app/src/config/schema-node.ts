// SPDX-License-Identifier: MIT
import type { Value } from './document.ts';
import type { KeyPath } from './keys.ts';

/** The part of JSON Schema that the schemas here use. */
export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: Value;
}

/** The schema of what stands at a path, or undefined where the schema knows no such path. */
export function schemaAt(root: SchemaNode, path: KeyPath): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const part of path) {
    if (node === undefined) return undefined;
    node = typeof part === 'number' ? node.items : memberSchema(node, part);
  }
  return node;
}

/** The tables that have a setting of this name; what a person names stands as NAME in their paths. */
export function tablesWith(root: SchemaNode, setting: string): KeyPath[] {
  const found: KeyPath[] = [];
  const visit = (node: SchemaNode, path: KeyPath): void => {
    if (node.properties !== undefined && Object.hasOwn(node.properties, setting)) found.push(path);
    for (const [name, member] of Object.entries(node.properties ?? {})) visit(member, [...path, name]);
    for (const member of Object.values(node.patternProperties ?? {})) visit(member, [...path, 'NAME']);
  };
  visit(root, []);
  return found;
}

export function accepts({ type }: SchemaNode, kind: string): boolean {
  return type === kind || (Array.isArray(type) && type.includes(kind));
}

/** The schema of a table's member, or undefined where it allows none of this name. */
export function memberSchema({ properties = {}, patternProperties = {} }: SchemaNode, name: string): SchemaNode | undefined {
  if (Object.hasOwn(properties, name)) return properties[name];
  return Object.entries(patternProperties).find(([pattern]) => new RegExp(pattern, 'u').test(name))?.[1];
}
