// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationSchema, ignoredSetting, patternRemedies, policySchema } from '../../src/config/schema.ts';
import type { SchemaNode } from '../../src/config/schema-node.ts';
import { validators } from '../../src/config/validators.generated.js';
import { Workplace } from './support.ts';

const workplace = new Workplace();

/** Every node of a schema by its path, names that a person chooses as NAME. */
function nodesOf(node: SchemaNode, path = ''): [string, SchemaNode][] {
  const members = [
    ...Object.entries(node.properties ?? {}),
    ...Object.values(node.patternProperties ?? {}).map((each): [string, SchemaNode] => ['NAME', each]),
  ];
  return [[path, node], ...members.flatMap(([name, member]) => nodesOf(member, path === '' ? name : `${path}.${name}`))];
}

describe('the schema', () => {
  const nodes = nodesOf(configurationSchema);

  it('describes every setting', () => {
    const silent = nodes.filter(([path, { description }]) => path !== '' && !path.endsWith('NAME') && description === undefined);
    assert.deepEqual(
      silent.map(([path]) => path),
      [],
    );
  });

  it('has words for every pattern', () => {
    const patterns = nodes.flatMap(([, { pattern, patternProperties }]) =>
      [pattern ?? [], Object.keys(patternProperties ?? {})].flat(),
    );
    assert.deepEqual(
      patterns.filter((pattern) => !Object.hasOwn(patternRemedies, pattern)),
      [],
    );
  });

  it('bounds every number from both sides', () => {
    const open = nodes.filter(
      ([, { type, minimum, maximum }]) => type === 'integer' && (minimum === undefined || maximum === undefined),
    );
    assert.deepEqual(
      open.map(([path]) => path),
      [],
    );
  });

  it('closes every table, so that a misspelt key is found', () => {
    const open = nodes.filter(([, node]) => node.type === 'object' && Reflect.get(node, 'additionalProperties') !== false);
    assert.deepEqual(
      open.map(([path]) => path),
      [],
    );
    assert.equal(policySchema.additionalProperties, false);
  });

  it('fits its own defaults', () => {
    assert.equal(validators['configuration']?.(workplace.load({})), true);
  });

  it('knows the sections of the desktop', () => {
    const ignored = nodes.filter(([, node]) => node === ignoredSetting).map(([path]) => path);
    const ofProfile = [
      'activation',
      'audit',
      'clipboard',
      'color',
      'icon',
      'input',
      'launch_profiles',
      'launcher',
      'platform',
      'wm',
    ];
    assert.deepEqual(
      ignored.sort(),
      [
        'agents',
        'extensions',
        ...[...ofProfile, 'secrets.provider', 'secrets.secrets'].map((each) => `profiles.NAME.${each}`),
      ].sort(),
    );
  });
});
