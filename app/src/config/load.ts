// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import type { Configuration } from './configuration.ts';
import { contradictions, type Finding } from './contradictions.ts';
import { withDefaults } from './defaults.ts';
import { desktopSections, withoutDesktop } from './desktop.ts';
import { configurationError, type Diagnostic, diagnose, firstError, type Place, startOf } from './diagnostics.ts';
import { type Document, isTable, placeOf as placeIn, type Table } from './document.ts';
import type { KeyPath } from './keys.ts';
import { readLayers } from './layers.ts';
import { applyLocks, type Lock, overruled, readLocks } from './locks.ts';
import { merge, valueAt } from './merge.ts';
import type { Paths } from './paths.ts';
import { inheritProfiles } from './profile-inheritance.ts';
import { type CompleteSettings, configurationSchema } from './schema.ts';
import { mostProblems, schemaProblems } from './schema-problems.ts';
import { validators } from './validators.generated.js';

/** What the files say. Without a configuration, `diagnostics` has an error that says why. */
export interface Reading {
  readonly configuration: Configuration | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The files that exist, lowest layer first and the locks last. */
  readonly sources: readonly string[];
  /** What policy.toml holds; nothing without a configuration. */
  readonly locks: readonly Lock[];
  /** Where a setting in force is written; undefined for a default and for what is inherited. */
  originOf(path: KeyPath): Place | undefined;
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
  const { layers, policy, diagnostics: readProblems } = readLayers(paths);
  const diagnostics: Diagnostic[] = [...readProblems];
  const sources = (policy === undefined ? layers : [...layers, policy]).map(({ file }) => file);

  for (const layer of layers) {
    diagnostics.push(...schemaProblems(layer, 'configuration'), ...desktopSections(layer));
  }
  const { locks, diagnostics: lockProblems } = policy === undefined ? { locks: [], diagnostics: [] } : readLocks(policy);
  diagnostics.push(...lockProblems);
  const refused = { configuration: undefined, diagnostics, sources, locks: [], originOf: () => undefined };
  if (firstError(diagnostics) !== undefined) return refused;

  diagnostics.push(...overruled(layers, locks));
  const { placeOf, originOf } = placesOf(layers.toReversed(), locks);
  let settings = applyLocks(layers.map(({ table }) => withoutDesktop(table)).reduce<Table>(merge, {}), locks);
  const { profiles = {} } = settings;
  if (isTable(profiles)) {
    const inherited = inheritProfiles(profiles, (profile) => placeOf(['profiles', profile, 'extends']));
    // Once more, for what a profile inherits below a locked key.
    settings = applyLocks({ ...settings, profiles: inherited.profiles }, locks);
    diagnostics.push(...inherited.diagnostics);
  }
  const configuration = complete(settings);
  for (const { severity, path, problem, remedy } of gravest(
    contradictions(configuration, (path) => originOf(path) !== undefined),
  )) {
    diagnostics.push(diagnose(severity, placeOf(path), problem, remedy));
  }
  return firstError(diagnostics) === undefined ? { configuration, diagnostics, sources, locks, originOf } : refused;
}

/** The errors before the rest, and not more than anybody reads: each must be looked for in the files. */
function gravest(findings: readonly Finding[]): readonly Finding[] {
  const [errors, others] = [true, false].map((wanted) => findings.filter(({ severity }) => (severity === 'error') === wanted));
  return [...(errors ?? []), ...(others ?? [])].slice(0, mostProblems);
}

interface Places {
  /** Where a key stands, or what is nearest around it. */
  placeOf(path: KeyPath): Place;
  originOf(path: KeyPath): Place | undefined;
}

/** @param documents highest layer first */
function placesOf(documents: readonly Document[], locks: readonly Lock[]): Places {
  const originOf = (path: KeyPath): Place | undefined => {
    const lock = locks.findLast((each) => isWithin(path, each.path));
    const document = documents.find(({ table }) => valueAt(table, path) !== undefined);
    return lock?.place ?? (document && placeIn(document, path));
  };
  const placeOf = (path: KeyPath): Place => {
    for (let length = path.length; length > 0; length -= 1) {
      const place = originOf(path.slice(0, length));
      if (place !== undefined) return place;
    }
    return startOf(documents[0]?.file ?? 'config.toml');
  };
  return { placeOf, originOf };
}

function isWithin(path: KeyPath, outer: KeyPath): boolean {
  return outer.every((part, index) => path[index] === part);
}

/** Fills every default in and freezes the result. */
function complete(settings: Table): Configuration {
  const complete: unknown = withDefaults(configurationSchema, settings);
  assert(isComplete(complete), 'settings that passed by themselves pass together');
  return seal(complete);
}

function isComplete(settings: unknown): settings is CompleteSettings {
  return validators['configuration']?.(settings) === true;
}

/** Frozen and without prototypes: a profile called `toString` is unknown unless a file has it. */
function seal<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) seal(member);
    if (!Array.isArray(value)) Object.setPrototypeOf(value, null);
  }
  return Object.freeze(value);
}
