// SPDX-License-Identifier: MIT
import { assert } from '../core/errors.ts';
import { type Diagnostic, diagnose } from './diagnostics.ts';
import { type Document, isTable, placeOf, type Table } from './document.ts';
import { splitDottedKey } from './keys.ts';
import { merge, tableWith, valueAt } from './merge.ts';
import { configurationSchema, policySchema } from './schema.ts';
import { schemaProblems } from './schema-problems.ts';
import { validators } from './validators.generated.js';

/** The settings that policy.toml demands, and a warning for each file that has them otherwise. */
export function readLocks(
  policy: Document,
  layers: readonly Document[],
): { readonly locked: Table; readonly diagnostics: Diagnostic[] } {
  const diagnostics = schemaProblems(policy, requireValidator('policy'), policySchema);
  let locked: Table = {};
  if (diagnostics.length > 0) return { locked, diagnostics };
  const entries = policy.table['policy'];
  for (const [index, entry] of (Array.isArray(entries) ? entries : []).entries()) {
    if (!isTable(entry) || typeof entry['key'] !== 'string' || entry['value'] === undefined) continue;
    const place = placeOf(policy, ['policy', index, 'key']);
    const path = splitDottedKey(entry['key']);
    if (path === undefined || path.length === 0) {
      diagnostics.push(diagnose('error', place, 'the key is not a dotted key', 'write it as in global.logging.level'));
      continue;
    }
    const demanded = tableWith(path, entry['value']);
    const [problem] = schemaProblems({ ...policy, table: demanded }, requireValidator('configuration'), configurationSchema);
    if (problem !== undefined) {
      diagnostics.push(diagnose('error', place, problem.problem, problem.remedy));
      continue;
    }
    locked = merge(locked, demanded);
    diagnostics.push(...overruled(layers, path, JSON.stringify(entry['value']), policy.file));
  }
  return { locked, diagnostics };
}

function overruled(layers: readonly Document[], path: readonly string[], demanded: string, policy: string): Diagnostic[] {
  return layers
    .filter(({ table }) => ![undefined, demanded].includes(JSON.stringify(valueAt(table, path))))
    .map((layer) =>
      diagnose(
        'warning',
        placeOf(layer, path),
        `${path.join('.')} is locked by ${policy}, and this value is ignored`,
        'remove it here',
      ),
    );
}

/** @throws AssertionError when the generated file lacks it */
export function requireValidator(name: string): NonNullable<(typeof validators)[string]> {
  const validator = validators[name];
  assert(validator !== undefined, `a validator for ${name}`);
  return validator;
}
