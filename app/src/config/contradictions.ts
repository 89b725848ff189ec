// SPDX-License-Identifier: MIT
import { clears } from '../core/clearance.ts';
import { type AccountKind, accountId } from './accounts.ts';
import { administrators, criteria, withoutSuffix } from './clients.ts';
import type { ClientConfiguration, Configuration, ProfileConfiguration } from './configuration.ts';
import { type Diagnostic, diagnose, type Place } from './diagnostics.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { nearest } from './suggestion.ts';

/** Where the settings come from. */
export interface Origins {
  /** Where a key stands, or what is nearest around it. */
  placeOf(path: KeyPath): Place;
  /** Whether a file says this itself, so that it is neither a default nor inherited. */
  isWritten(path: KeyPath): boolean;
}

/** What each file may say by itself but all of them together may not, and what will surprise. */
export function contradictions(configuration: Configuration, origins: Origins): Diagnostic[] {
  const { clients, profiles } = configuration;
  const seen = new Map<string, string>();
  return [
    ...Object.entries(clients).flatMap(([name, client]) => clientProblems(name, client, seen, origins)),
    ...Object.entries(profiles).flatMap(([name, profile]) => [
      ...profileProblems(name, profile, origins),
      ...ruleProblems(name, profile.secrets.access, clients, origins),
    ]),
  ];
}

/** @param seen the criteria of the clients before it, by their text */
function clientProblems(name: string, client: ClientConfiguration, seen: Map<string, string>, origins: Origins): Diagnostic[] {
  const place = origins.placeOf(['clients', name]);
  const found: Diagnostic[] = [];
  if (name.startsWith('daemon-')) {
    found.push(diagnose('error', place, `the name ${name} is reserved for daemons`, 'choose one without "daemon-" in front'));
  }
  const stated = criteria.filter((criterion) => client[criterion] !== undefined);
  if (stated.length === 0) {
    found.push(diagnose('error', place, `client ${name} could be anybody`, `add at least one of ${criteria.join(', ')}`));
    return found;
  }
  const text = JSON.stringify(stated.map((criterion) => [criterion, comparable(criterion, client[criterion])]));
  const same = seen.get(text);
  if (same === undefined) seen.set(text, name);
  else found.push(diagnose('error', place, `clients ${same} and ${name} have the same ${stated.join(' and ')}`, 'join the two'));
  if (name === administrators && !clears(client.clearance, 'secrets-only')) {
    const problem = `${name} have clearance ${client.clearance}, which is too low to change anything`;
    found.push(diagnose('warning', place, problem, 'write clearance = "secrets-only"'));
  }
  found.push(...accountProblems(name, client, origins));
  return found;
}

function accountProblems(name: string, { uid, gid }: ClientConfiguration, { placeOf }: Origins): Diagnostic[] {
  const unknown = (kind: AccountKind, criterion: 'uid' | 'gid', account: number | string | undefined): Diagnostic[] => {
    if (typeof account !== 'string' || accountId(kind, account) !== undefined) return [];
    const problem = `/etc/${kind} has no ${account}: client ${name} matches nobody until it does`;
    return [diagnose('warning', placeOf(['clients', name, criterion]), problem, 'create the account, or write a number')];
  };
  return [...unknown('passwd', 'uid', uid), ...unknown('group', 'gid', gid)];
}

function profileProblems(name: string, profile: ProfileConfiguration, { placeOf, isWritten }: Origins): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (profile.name !== undefined && profile.name !== name) {
    const problem = `profile ${name} calls itself ${profile.name}; what stands in brackets counts`;
    found.push(diagnose('warning', placeOf(['profiles', name, 'name']), problem, `write name = "${name}", or remove it`));
  }
  const { mode, required, additional_required: additional } = profile.auth;
  if (mode === 'policy') {
    if (required.length === 0 && additional === 0) {
      const remedy = 'add required = ["…"] or additional_required = 1';
      found.push(
        diagnose('error', placeOf(['profiles', name, 'auth', 'mode']), 'mode "policy" requires no factor at all', remedy),
      );
    }
    return found;
  }
  // What is inherited from a profile with another mode simply does not count.
  for (const key of ['required', 'additional_required'] as const) {
    const path = ['profiles', name, 'auth', key];
    const isNothing = profile.auth[key] === 0 || required.length + additional === 0;
    if (isNothing || !isWritten(path)) continue;
    const problem = `${formatKey(path)} counts with mode "policy" only, and the mode is "${mode}"`;
    found.push(diagnose('error', placeOf(path), problem, `write mode = "policy", or remove ${key}`));
  }
  return found;
}

function ruleProblems(
  profile: string,
  access: ProfileConfiguration['secrets']['access'],
  clients: Configuration['clients'],
  { placeOf }: Origins,
): Diagnostic[] {
  const rules = ['profiles', profile, 'secrets', 'access'];
  const found: Diagnostic[] = [];
  const known = [...Object.keys(clients), administrators];
  for (const [client, names] of Object.entries(access)) {
    if (!known.includes(client) && !client.startsWith('daemon-')) {
      const meant = nearest(client, known);
      const remedy = meant === undefined ? `add [clients.${client}]` : `did you mean ${meant}?`;
      found.push(diagnose('warning', placeOf([...rules, client]), `there is no client ${client}`, remedy));
    }
    for (const [index, name] of names.entries()) {
      if (name === '*' || !name.replace(/\/\*$/, '').includes('*')) continue;
      const problem = `${JSON.stringify(name)} means the secret of exactly this name`;
      const remedy = '"*" alone is all, and "/*" at the end is all below; write one of these';
      found.push(diagnose('warning', placeOf([...rules, client, index]), problem, remedy));
    }
  }
  if (Object.keys(access).length === 0) return found;
  for (const [client, { clearance }] of Object.entries(clients)) {
    if (client === administrators || Object.hasOwn(access, client) || !clears(clearance, 'profile-scoped')) continue;
    const problem = `client ${client} has no rule in profile ${profile}, and so may read all of its secrets`;
    found.push(diagnose('warning', placeOf(rules), problem, `add ${client} = [] or the names that it needs`));
  }
  return found;
}

/** A criterion in one spelling: accounts as their numbers, where they have one. */
function comparable(criterion: (typeof criteria)[number], value: string | number | undefined): string {
  const text = String(value);
  if (criterion === 'uid') return String(accountId('passwd', text) ?? text);
  if (criterion === 'gid') return String(accountId('group', text) ?? text);
  return criterion === 'unit' ? withoutSuffix(text) : text.toLowerCase();
}
