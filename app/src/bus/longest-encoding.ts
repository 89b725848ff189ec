// SPDX-License-Identifier: MIT
import { assert, unreachable } from '../core/errors.ts';
import { encodeCbor } from './cbor.ts';

/** The part of JSON Schema that the bodies of messages use. */
export interface BodySchema {
  readonly type?: 'string' | 'integer' | 'boolean' | 'null' | 'array' | 'object';
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly BodySchema[];
  /** In code points. */
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly items?: BodySchema;
  readonly properties?: Readonly<Record<string, BodySchema>>;
}

/** The head of a text, array or map that fits a frame, and a whole integer, in bytes (RFC 8949, section 3). */
const longestHead = 5;
const longestInteger = 9;

/** A code point in UTF-8. */
const longestCodePoint = 4;

/** The most bytes of CBOR that anything which fits the schema takes. */
export function longestEncoding(schema: BodySchema): number {
  if (schema.anyOf !== undefined) return Math.max(...schema.anyOf.map(longestEncoding));
  if (schema.enum !== undefined) return Math.max(...schema.enum.map((value) => encodeCbor(value).length));
  const { type, maxLength, maxItems, items, properties = {} } = schema;
  assert(type !== undefined, 'a schema has a type');
  switch (type) {
    case 'string':
      assert(maxLength !== undefined, 'every text is bounded');
      return longestHead + longestCodePoint * maxLength;
    case 'array':
      assert(maxItems !== undefined && items !== undefined, 'every array is bounded');
      return longestHead + maxItems * longestEncoding(items);
    case 'object':
      return Object.entries(properties).reduce(
        (sum, [name, member]) => sum + encodeCbor(name).length + longestEncoding(member),
        longestHead,
      );
    case 'integer':
      return longestInteger;
    case 'boolean':
    case 'null':
      return 1;
    default:
      return unreachable(type);
  }
}
