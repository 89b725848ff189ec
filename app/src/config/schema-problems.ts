// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { type Diagnostic, diagnose } from './diagnostics.ts';
import { type Document, placeOf, type Value } from './document.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { memberOf, valueAt } from './merge.ts';
import { configurationSchema, patternRemedies, policySchema } from './schema.ts';
import { type SchemaNode, schemaAt, tablesWith } from './schema-node.ts';
import { installationSchema } from './state-schema.ts';
import { nearest } from './suggestion.ts';
import { type ValidationError, validators } from './validators.generated.js';
import { kindOf, maximumRemedy, nameOfKind, rangeOf, shown, typeRemedy, valueRemedy } from './wording.ts';

const schemas = { configuration: configurationSchema, policy: policySchema, installation: installationSchema } as const;

/** Who has so many mistakes in one file has the wrong file. */
export const mostProblems = 50;

/** What in a document its schema does not allow, each with its place and what to write instead, from top to bottom; at most 50. */
export function schemaProblems(document: Document, kind: keyof typeof schemas): Diagnostic[] {
  const validator = validators[kind];
  assert(validator !== undefined, `a validator for ${kind}`);
  if (validator(document.table)) return [];
  const errors = validator.errors ?? [];
  // The validator would hold on to them until its next use.
  validator.errors = null;
  return errors
    .slice(0, mostProblems)
    .map((error) => problemOf(document, schemas[kind], error))
    .sort((one, other) => one.line - other.line || one.column - other.column);
}

function problemOf(document: Document, schema: SchemaNode, error: ValidationError): Diagnostic {
  const path = pathOf(document.table, error.instancePath);
  const stray = error.keyword === 'additionalProperties' ? String(error.params['additionalProperty']) : undefined;
  const [problem, remedy] =
    stray === undefined
      ? explain(error, path, schemaAt(schema, path) ?? {}, valueAt(document.table, path))
      : explainStray(schema, path, stray);
  return diagnose('error', placeOf(document, stray === undefined ? path : [...path, stray]), problem, remedy);
}

type Explanation = readonly [problem: string, remedy: string];

function explain(error: ValidationError, path: KeyPath, node: SchemaNode, value: Value | undefined): Explanation {
  const key = path.length === 0 ? 'the file' : formatKey(path);
  const name = formatKey([path.findLast((part) => typeof part === 'string') ?? '']);
  switch (error.keyword) {
    case 'type':
      return [`${key} must be ${kindOf(node)} and is ${nameOfKind(value)}`, typeRemedy(node, name, value)];
    case 'enum':
      return [`${key} has the unknown value ${shown(value)}`, valueRemedy(node, value)];
    case 'minimum':
      return [`${key} is ${shown(value)} and must be at least ${node.minimum}`, `write ${rangeOf(node)}`];
    case 'maximum':
      return [`${key} is ${shown(value)} and must be at most ${node.maximum}`, maximumRemedy(node, name)];
    case 'pattern':
      return [`${key} is not well-formed`, `write ${patternRemedies[node.pattern ?? ''] ?? 'another value'}`];
    case 'required':
      return [`${key} has no ${String(error.params['missingProperty'])}`, `add ${String(error.params['missingProperty'])} = …`];
    case 'uniqueItems':
      return [`${key} names the same thing twice`, 'remove one of the two'];
    case 'minLength':
      return [`${key} is empty`, 'write a name, or remove it'];
    case 'maxLength':
      return [`${key} is longer than ${String(error.params['limit'])} characters`, 'shorten it'];
    case 'minItems':
      return [`${key} is empty`, 'write at least one, or remove it'];
    case 'maxItems':
    case 'maxProperties':
      return [`${key} has more than ${String(error.params['limit'])} entries`, 'shorten it'];
    default:
      return [`${key} does not fit its schema (${error.keyword})`, 'change or remove it'];
  }
}

/** A key that the schema does not have: misspelt, in the wrong section, a name against the rules, or unknown altogether. */
function explainStray(schema: SchemaNode, table: KeyPath, key: string): Explanation {
  const section = table.length === 0 ? 'the top level' : `[${formatKey(table)}]`;
  const { properties = {}, patternProperties = {} } = schemaAt(schema, table) ?? {};
  const [pattern] = Object.keys(patternProperties);
  if (pattern !== undefined) {
    return [`the name ${formatKey([key])} is not allowed in ${section}`, `write ${patternRemedies[pattern] ?? 'another name'}`];
  }
  const problem = `${section} has no setting ${formatKey([key])}`;
  const meant = nearest(key, Object.keys(properties));
  if (meant !== undefined) return [problem, `did you mean ${meant}?`];
  if (schema === configurationSchema && key === 'policy') return [problem, 'locks stand in policy.toml'];
  if (schema === policySchema && Object.hasOwn(configurationSchema.properties, key)) {
    return [problem, 'settings stand in config.toml; policy.toml has [[policy]] entries only'];
  }
  const homes = tablesWith(schema, key).map((path) => (path.length === 0 ? 'the top level' : `[${formatKey(path)}]`));
  if (homes.length > 0) return [problem, `it belongs to ${homes.join(' or ')}`];
  return [problem, `known there are ${Object.keys(properties).join(', ')}`];
}

/** A JSON pointer (RFC 6901) as a path; numbers are indices only where an array is. */
function pathOf(root: Value, pointer: string): KeyPath {
  const path: (string | number)[] = [];
  let value: Value | undefined = root;
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    const part = Array.isArray(value) ? Number(key) : key;
    path.push(part);
    value = memberOf(value, part);
  }
  return path;
}
