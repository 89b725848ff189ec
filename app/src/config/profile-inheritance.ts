// SPDX-License-Identifier: MIT
import { type Diagnostic, diagnose, type Place } from './diagnostics.ts';
import { isTable, type Table, type Value } from './document.ts';
import { merge } from './merge.ts';
import { nearest } from './suggestion.ts';

/**
 * Profiles with the settings of those that they extend, nearest first. A profile's name is its own.
 * @param placeOf where a profile's `extends` stands
 */
export function inheritProfiles(
  profiles: Table,
  placeOf: (profile: string) => Place,
): { profiles: Table; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const resolved: Record<string, Value> = Object.create(null);
  const circular = new Set<string>();
  for (const name of Object.keys(profiles)) {
    const line = lineage(profiles, name);
    const [parent] = line.slice(1);
    if (parent !== undefined && !isTable(profiles[parent])) diagnostics.push(missing(placeOf(name), name, parent, profiles));
    if (line.lastIndexOf(name) > 0 && !circular.has(name)) {
      // Each profile of the circle would tell the same story.
      for (const each of line) circular.add(each);
      const problem = `profile ${name} extends itself: ${line.join(' → ')}`;
      diagnostics.push(diagnose('error', placeOf(name), problem, 'remove one of these extends'));
    }
    resolved[name] = inherited(profiles, line);
  }
  return { profiles: resolved, diagnostics };
}

function missing(place: Place, name: string, parent: string, profiles: Table): Diagnostic {
  const meant = nearest(parent, Object.keys(profiles));
  const remedy = meant === undefined ? `add [profiles.${parent}], or remove extends` : `did you mean ${meant}?`;
  return diagnose('error', place, `profile ${name} extends ${parent}, which does not exist`, remedy);
}

/** A profile and those above it; it ends at the first that comes again, that does not exist, or that extends nothing. */
function lineage(profiles: Table, name: string): string[] {
  const line = [name];
  for (;;) {
    const parent = ownSettings(profiles, line.at(-1) ?? name)['extends'];
    if (typeof parent !== 'string') return line;
    const repeated = line.includes(parent);
    line.push(parent);
    if (repeated) return line;
  }
}

function inherited(profiles: Table, [name = '', ...ancestors]: readonly string[]): Table {
  return ancestors.reduce(
    (lower, each) => {
      const { name: _, extends: __, ...settings } = ownSettings(profiles, each);
      return merge(settings, lower);
    },
    ownSettings(profiles, name),
  );
}

function ownSettings(profiles: Table, name: string): Table {
  const profile = profiles[name];
  return isTable(profile) ? profile : {};
}
