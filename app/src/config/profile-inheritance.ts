// SPDX-License-Identifier: MIT
import { type Diagnostic, diagnose, type Place } from './diagnostics.ts';
import { isTable, type Table, type Value } from './document.ts';
import { merge } from './merge.ts';
import { nearest } from './suggestion.ts';

/**
 * Profiles with the settings of those that they extend, nearest first.
 * @param placeOf where a profile's `extends` stands
 */
export function inheritProfiles(
  profiles: Table,
  placeOf: (profile: string) => Place,
): { profiles: Table; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const resolved: Record<string, Value> = Object.create(null);
  for (const name of Object.keys(profiles)) {
    const line = lineage(profiles, name);
    const last = line.at(-1) ?? name;
    if (line.indexOf(last) !== line.length - 1) {
      diagnostics.push(
        diagnose('error', placeOf(name), `profile ${name} extends itself: ${line.join(' → ')}`, 'remove one of these "extends"'),
      );
    } else if (!isTable(profiles[last])) {
      const meant = nearest(last, Object.keys(profiles));
      const remedy = meant === undefined ? 'remove "extends" or add that profile' : `did you mean ${meant}?`;
      diagnostics.push(diagnose('error', placeOf(name), `profile ${name} extends ${last}, which does not exist`, remedy));
    } else {
      resolved[name] = line.map((each) => own(profiles, each)).reduceRight((lower, upper) => merge(lower, upper));
    }
  }
  return { profiles: resolved, diagnostics };
}

/** A profile and those above it; it ends at the first that comes again, that does not exist, or that extends nothing. */
function lineage(profiles: Table, name: string): string[] {
  const line = [name];
  for (;;) {
    const current = line.at(-1) ?? name;
    const parent = own(profiles, current)['extends'];
    if (typeof parent !== 'string') return line;
    const repeated = line.includes(parent);
    line.push(parent);
    if (repeated) return line;
  }
}

function own(profiles: Table, name: string): Table {
  const profile = profiles[name];
  return isTable(profile) ? profile : {};
}
