// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { validators as completing } from './complete.generated.js';
import type { Configuration } from './configuration.ts';
import { contradictions } from './contradictions.ts';
import { configurationError, type Diagnostic, firstError, type Place, startOf } from './diagnostics.ts';
import { type Document, isTable, placeOf, type Table } from './document.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { layerFiles, policyFiles, readDocument } from './layers.ts';
import { readLocks, requireValidator } from './locks.ts';
import { merge } from './merge.ts';
import type { Paths } from './paths.ts';
import { inheritProfiles } from './profile-inheritance.ts';
import { type CompleteSettings, configurationSchema } from './schema.ts';
import { schemaProblems } from './schema-problems.ts';

/** What the files say. Without a configuration, `diagnostics` has an error that says why. */
export interface Reading {
  readonly configuration: Configuration | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The files that exist, lowest layer first. */
  readonly sources: readonly string[];
}

export interface LoadedConfiguration extends Reading {
  readonly configuration: Configuration;
}

/**
 * Reads all layers and locks and puts them together.
 * @throws SesameError configuration-invalid for the first error
 */
export function loadConfiguration(paths: Paths): LoadedConfiguration {
  const reading = readConfiguration(paths);
  const { configuration, diagnostics } = reading;
  if (configuration !== undefined) return { ...reading, configuration };
  const error = firstError(diagnostics);
  assert(error !== undefined, 'without a configuration there is an error');
  throw configurationError(error);
}

/** The same for who wants every diagnostic: `config check` and reload. */
export function readConfiguration(paths: Paths): Reading {
  const diagnostics: Diagnostic[] = [];
  const layers = layerFiles(paths, diagnostics)
    .map((file) => readDocument(file, diagnostics))
    .filter((document) => document !== undefined);
  const policies = policyFiles(paths)
    .map((file) => readDocument(file, diagnostics))
    .filter((document) => document !== undefined);
  const sources = [...layers, ...policies].map(({ file }) => file);

  for (const layer of layers) diagnostics.push(...schemaProblems(layer, requireValidator('configuration'), configurationSchema));
  let settings = layers.map(({ table }) => table).reduce<Table>((lower, upper) => merge(lower, upper), {});
  for (const policy of policies) {
    const locks = readLocks(policy, layers);
    settings = merge(settings, locks.locked);
    diagnostics.push(...locks.diagnostics);
  }
  if (firstError(diagnostics) !== undefined) return { configuration: undefined, diagnostics, sources };

  const placeIn = placesOf([...policies, ...layers.toReversed()]);
  const profiles = settings['profiles'];
  if (isTable(profiles)) {
    const inherited = inheritProfiles(profiles, (profile) => placeIn(['profiles', profile, 'extends']));
    settings = { ...settings, profiles: inherited.profiles };
    diagnostics.push(...inherited.diagnostics);
  }
  const configuration = complete(settings);
  diagnostics.push(...contradictions(configuration, placeIn));
  return { configuration: firstError(diagnostics) === undefined ? configuration : undefined, diagnostics, sources };
}

/** Where a key stands: in the highest layer that has it. */
function placesOf(documents: readonly Document[]): (path: KeyPath) => Place {
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const part = path.slice(0, length);
      const document = documents.find(({ positions }) => positions.has(formatKey(part)));
      if (document !== undefined) return placeOf(document, part);
    }
    return startOf(documents[0]?.file ?? 'config.toml');
  };
}

/** Fills every default in and freezes the result. */
function complete(settings: Table): Configuration {
  const copy: unknown = structuredClone(settings);
  assert(isComplete(copy), 'settings that passed by themselves pass together');
  return freeze(copy);
}

function isComplete(settings: unknown): settings is CompleteSettings {
  return completing['configuration']?.(settings) === true;
}

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
