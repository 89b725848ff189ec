// SPDX-License-Identifier: MIT
import { configurationSchema } from '../config/schema.ts';
import type { Setting } from './man.ts';

/** Every setting of the configuration's schema as `section.key`, with what it says about it. */
export function configurationSettings(): Setting[] {
  return settingsOf(configurationSchema, '');
}

function settingsOf(schema: object, path: string): Setting[] {
  const children = [
    ...membersOf(schema, 'properties'),
    ...membersOf(schema, 'patternProperties').map(named),
    ...anyMember(schema),
  ];
  if (children.length === 0) return description(schema) === '' ? [] : [{ key: path, text: description(schema) }];
  return children.flatMap(([name, child]) => settingsOf(child, path === '' ? name : `${path}.${name}`));
}

function membersOf(schema: object, keyword: string): [string, object][] {
  const members: unknown = Reflect.get(schema, keyword);
  if (typeof members !== 'object' || members === null) return [];
  return Object.entries(members).flatMap(([name, member]: [string, unknown]) =>
    typeof member === 'object' && member !== null ? [[name, member]] : [],
  );
}

function named([, child]: [string, object]): [string, object] {
  return ['NAME', child];
}

function anyMember(schema: object): [string, object][] {
  const member: unknown = Reflect.get(schema, 'additionalProperties');
  return typeof member === 'object' && member !== null ? [['NAME', member]] : [];
}

function description(schema: object): string {
  const parts = [text(schema, 'description'), choices(schema), initial(schema)];
  return parts.filter((part) => part !== '').join(' ');
}

function text(schema: object, keyword: string): string {
  const value: unknown = Reflect.get(schema, keyword);
  return typeof value === 'string' ? value : '';
}

function choices(schema: object): string {
  const values: unknown = Reflect.get(schema, 'enum');
  return Array.isArray(values) ? `One of ${values.map((value: unknown) => String(value)).join(', ')}.` : '';
}

function initial(schema: object): string {
  const value: unknown = Reflect.get(schema, 'default');
  if (value === undefined || (typeof value === 'object' && value !== null)) return '';
  return `Default: ${String(value)}.`;
}
