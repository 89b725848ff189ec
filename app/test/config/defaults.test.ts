// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import fastCheck from 'fast-check';
import { withDefaults } from '../../src/config/defaults.ts';
import type { Value } from '../../src/config/document.ts';
import { configurationSchema } from '../../src/config/schema.ts';
import type { SchemaNode } from '../../src/config/schema-node.ts';

/** The library that the schemas are written for, which changes what it is given; it goes on where a required setting is missing. */
const fill = new Ajv({ useDefaults: true, allErrors: true, allowUnionTypes: true }).compile(configurationSchema);

function defaultsByAjv(settings: Value): unknown {
  const copy: unknown = structuredClone(settings);
  fill(copy);
  return copy;
}

/** Any choice of the tables of a schema, with two names where a person chooses them; its other settings are left to their defaults. */
function tablesOf(schema: SchemaNode): fastCheck.Arbitrary<Value> {
  const fixed = Object.entries(schema.properties ?? {}).filter(([, { type }]) => type === 'object');
  const named = Object.values(schema.patternProperties ?? {}).flatMap((member): [string, SchemaNode][] => [
    ['one', member],
    ['other', member],
  ]);
  const members = [...fixed, ...named].map(([name, member]): [string, fastCheck.Arbitrary<Value>] => [
    name,
    member.type === 'array' ? fastCheck.constant([]) : tablesOf(member),
  ]);
  return fastCheck.subarray(members).chain((some) => fastCheck.record(Object.fromEntries(some)));
}

describe('the defaults of the configuration', () => {
  it('are those that ajv fills in, whichever tables a file has', () => {
    fastCheck.assert(
      fastCheck.property(tablesOf(configurationSchema), (settings) => {
        assert.deepEqual(withDefaults(configurationSchema, settings), defaultsByAjv(settings));
      }),
      { numRuns: 300 },
    );
  });

  it('leave alone what is set, where an empty table gets those inside it', () => {
    const settings = { global: { tpm: { pcrs: [7] }, audit: {} }, profiles: { plant: { unlock: 'tpm' } } };
    assert.deepEqual(withDefaults(configurationSchema, settings), defaultsByAjv(settings));
  });

  it('are copies: neither the schema nor the settings are part of the result', () => {
    const pcrs = [7];
    const filled = withDefaults(configurationSchema, { global: { tpm: { pcrs } } });
    const other = withDefaults(configurationSchema, {});
    const pcrsOf = (value: Value): unknown =>
      Reflect.get(Object(Reflect.get(Object(Reflect.get(Object(value), 'global')), 'tpm')), 'pcrs');
    assert.notEqual(pcrsOf(filled), pcrs);
    assert.notEqual(pcrsOf(other), configurationSchema.properties.global.properties.tpm.properties.pcrs.default);
  });
});
