// SPDX-License-Identifier: MIT
import { administrators } from './clients.ts';
import type { Configuration } from './configuration.ts';
import { type Diagnostic, diagnose, type Place } from './diagnostics.ts';
import type { KeyPath } from './keys.ts';
import { nearest } from './suggestion.ts';

/** What each file may say by itself but all of them together may not. */
export function contradictions(configuration: Configuration, placeOf: (path: KeyPath) => Place): Diagnostic[] {
  return [...clientProblems(configuration, placeOf), ...profileProblems(configuration, placeOf)];
}

function clientProblems({ clients }: Configuration, placeOf: (path: KeyPath) => Place): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const seen = new Map<string, string>();
  for (const [name, { uid, gid, unit, key }] of Object.entries(clients)) {
    const place = placeOf(['clients', name]);
    if (name.startsWith('daemon-')) {
      diagnostics.push(
        diagnose('error', place, `the name ${name} is reserved for daemons`, 'choose a name that does not begin with "daemon-"'),
      );
    }
    const criteria = JSON.stringify([uid, gid, unit, key?.toLowerCase()]);
    if (criteria === '[null,null,null,null]') {
      diagnostics.push(
        diagnose('error', place, `client ${name} would be everybody`, 'add at least one of uid, gid, unit and key'),
      );
      continue;
    }
    const same = seen.get(criteria);
    if (same !== undefined)
      diagnostics.push(diagnose('error', place, `client ${name} never matches: ${same} has the same criteria`, 'join the two'));
    seen.set(criteria, name);
  }
  return diagnostics;
}

function profileProblems({ profiles, clients }: Configuration, placeOf: (path: KeyPath) => Place): Diagnostic[] {
  const known = [...Object.keys(clients), administrators];
  return Object.entries(profiles).flatMap(([profile, { name, auth, secrets }]) => {
    const diagnostics: Diagnostic[] = [];
    if (name !== undefined && name !== profile) {
      diagnostics.push(
        diagnose(
          'warning',
          placeOf(['profiles', profile, 'name']),
          `profile ${profile} calls itself ${name}`,
          `write name = "${profile}" or remove it`,
        ),
      );
    }
    if (auth.mode !== 'policy' && (auth.required.length > 0 || auth.additional_required > 0)) {
      const remedy = 'write mode = "policy", or remove required and additional_required';
      diagnostics.push(
        diagnose(
          'error',
          placeOf(['profiles', profile, 'auth']),
          `mode "${auth.mode}" does not look at required factors`,
          remedy,
        ),
      );
    }
    for (const client of Object.keys(secrets.access)) {
      if (known.includes(client)) continue;
      const meant = nearest(client, known);
      const remedy = meant === undefined ? `add [clients.${client}]` : `did you mean ${meant}?`;
      diagnostics.push(
        diagnose('warning', placeOf(['profiles', profile, 'secrets', 'access', client]), `there is no client ${client}`, remedy),
      );
    }
    return diagnostics;
  });
}
