// SPDX-License-Identifier: MIT
import { type Diagnostic, diagnose } from './diagnostics.ts';
import { type Document, isTable, placeOf, type Value } from './document.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { patternRemedies } from './schema.ts';
import { nearest } from './suggestion.ts';
import type { ValidationError, Validator } from './validators.generated.d.ts';

/** The part of a JSON Schema that remedies are made from. */
interface SchemaNode {
  readonly [keyword: string]: unknown;
}

/** Everything in a document that its schema does not allow, each with its place and what to write instead. */
export function schemaProblems(document: Document, validator: Validator, schema: SchemaNode): Diagnostic[] {
  if (validator(document.table)) return [];
  return (validator.errors ?? []).map((error) => problemOf(document, schema, error));
}

function problemOf(document: Document, schema: SchemaNode, error: ValidationError): Diagnostic {
  const path = pathOf(document.table, error.instancePath);
  const node = nodeAt(schema, path);
  const { problem, remedy, key } = explain(error, path, node);
  return diagnose('error', placeOf(document, key), problem, remedy);
}

interface Explanation {
  readonly problem: string;
  readonly remedy: string;
  /** Where the problem stands. */
  readonly key: KeyPath;
}

function explain({ keyword, params, message }: ValidationError, path: KeyPath, node: SchemaNode): Explanation {
  const name = formatKey(path);
  const range = rangeOf(node);
  switch (keyword) {
    case 'additionalProperties': {
      const written = String(params['additionalProperty']);
      return {
        problem: `there is no setting ${formatKey([...path, written])}`,
        remedy: remedyForName(written, node),
        key: [...path, written],
      };
    }
    case 'required':
      return {
        problem: `${name} lacks ${String(params['missingProperty'])}`,
        remedy: `add ${String(params['missingProperty'])}`,
        key: path,
      };
    case 'type':
      return { problem: `${name} is not of the right type`, remedy: `write ${typeName(params['type'])}${range}`, key: path };
    case 'minimum':
    case 'maximum':
      return { problem: `${name} is out of range`, remedy: `write a number${range}`, key: path };
    case 'enum': {
      const allowed = Array.isArray(params['allowedValues']) ? params['allowedValues'].map((value) => JSON.stringify(value)) : [];
      return { problem: `${name} has a value that is not known`, remedy: `write one of ${allowed.join(', ')}`, key: path };
    }
    case 'pattern':
      return {
        problem: `${name} is not well-formed`,
        remedy: `write ${patternRemedies[String(params['pattern'])] ?? 'another value'}`,
        key: path,
      };
    default:
      return { problem: `${name} ${message ?? 'is not allowed'}`, remedy: 'change or remove it', key: path };
  }
}

function remedyForName(written: string, node: SchemaNode): string {
  const patterns = Object.keys(asNode(node['patternProperties']));
  if (patterns.length > 0) return `write ${patternRemedies[patterns[0] ?? ''] ?? 'another name'}`;
  const known = Object.keys(asNode(node['properties']));
  const meant = nearest(written, known);
  return meant === undefined ? `known here are ${known.join(', ')}` : `did you mean ${meant}?`;
}

function rangeOf(node: SchemaNode): string {
  const { minimum, maximum } = node;
  if (typeof minimum === 'number' && typeof maximum === 'number') return ` from ${minimum} to ${maximum}`;
  return typeof minimum === 'number' ? ` of at least ${minimum}` : '';
}

const typeNames: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  string: 'a text between double quotes',
  boolean: 'true or false',
  array: 'a list in brackets',
  object: 'a table',
};

function typeName(type: unknown): string {
  const types: unknown[] = Array.isArray(type) ? type : String(type).split(',');
  return types.map((each) => typeNames[String(each)] ?? String(each)).join(' or ');
}

/** A JSON pointer (RFC 6901) as a path; numbers are indices only where an array is. */
function pathOf(root: Value, pointer: string): (string | number)[] {
  const path: (string | number)[] = [];
  let value: Value | undefined = root;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) {
      const elements: readonly Value[] = value;
      path.push(Number(key));
      value = elements[Number(key)];
    } else {
      path.push(key);
      value = isTable(value) ? value[key] : undefined;
    }
  }
  return path;
}

function nodeAt(schema: SchemaNode, path: KeyPath): SchemaNode {
  let node = schema;
  for (const part of path) {
    if (typeof part === 'number') node = asNode(node['items']);
    else node = asNode(asNode(node['properties'])[part] ?? Object.values(asNode(node['patternProperties']))[0]);
  }
  return node;
}

function asNode(value: unknown): SchemaNode {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
