// SPDX-License-Identifier: MIT
import { clears } from '../core/clearance.ts';
import { everyOtherClient } from './access.ts';
import { type AccountKind, accountId } from './accounts.ts';
import { administrators, criteria, withoutSuffix } from './clients.ts';
import type { ClientConfiguration, Configuration, ProfileConfiguration } from './configuration.ts';
import type { Severity } from './diagnostics.ts';
import { formatKey, type KeyPath } from './keys.ts';
import { nearest } from './suggestion.ts';

/** A diagnostic that has yet to find its place in a file. */
export interface Finding {
  readonly severity: Severity;
  readonly path: KeyPath;
  readonly problem: string;
  readonly remedy: string;
}

/**
 * What each file may say by itself but all of them together may not, and what will surprise.
 * @param isWritten whether a file says this itself, so that it is neither a default nor inherited
 */
export function contradictions(configuration: Configuration, isWritten: (path: KeyPath) => boolean): Finding[] {
  const { clients, profiles } = configuration;
  const seen = new Map<string, string>();
  return [
    ...tpmFindings(configuration),
    ...Object.entries(clients).flatMap(([name, client]) => [
      ...clientFindings(name, client, seen),
      ...accountFindings(name, client),
      ...credentialFindings(name, client),
    ]),
    ...Object.entries(profiles).flatMap(([name, profile]) => [
      ...nameFindings(name, profile),
      ...factorFindings(name, profile, isWritten),
      ...ruleFindings(name, profile, clients),
      ...missingRuleFindings(name, profile, clients),
    ]),
  ];
}

/** These PCRs may be reset without a reboot (TCG PC Client Platform TPM Profile, table 5): what is capped there does not stay so. */
const resettablePcrs: readonly number[] = [16, 23];

function tpmFindings({ global: { tpm } }: Configuration): Finding[] {
  const { cap_pcr: cap, pcrs } = tpm;
  const path = ['global', 'tpm', 'cap_pcr'];
  if (cap === undefined) return [];
  if (!pcrs.includes(cap))
    return [
      finding('error', path, `nothing is sealed to PCR ${cap}, so capping it closes nothing`, 'add it to pcrs, or cap another'),
    ];
  if (resettablePcrs.includes(cap))
    return [finding('error', path, `anybody may reset PCR ${cap} without a reboot`, 'choose one below 16')];
  return [];
}

function finding(severity: Severity, path: KeyPath, problem: string, remedy: string): Finding {
  return { severity, path, problem, remedy };
}

/** @param seen the clients before it, by their criteria */
function clientFindings(name: string, client: ClientConfiguration, seen: Map<string, string>): Finding[] {
  const path = ['clients', name];
  const found: Finding[] = [];
  if (name.startsWith('daemon-')) {
    found.push(finding('error', path, `the name ${name} is reserved for daemons`, 'choose one without "daemon-" in front'));
  }
  const stated = criteria.filter((criterion) => client[criterion] !== undefined);
  if (stated.length === 0) {
    found.push(finding('error', path, `client ${name} could be anybody`, `add at least one of ${criteria.join(', ')}`));
    return found;
  }
  const text = JSON.stringify(stated.map((criterion) => [criterion, comparable(criterion, client[criterion])]));
  const same = seen.get(text);
  if (same === undefined) seen.set(text, name);
  else found.push(finding('error', path, `clients ${same} and ${name} have the same ${stated.join(' and ')}`, 'join the two'));
  if (name === administrators && !clears(client.clearance, 'secrets-only')) {
    const problem = `${name} have clearance ${client.clearance}, which is too low to change anything`;
    found.push(finding('warning', path, problem, 'write clearance = "secrets-only"'));
  }
  return found;
}

function accountFindings(name: string, { uid, gid }: ClientConfiguration): Finding[] {
  const unknown = (kind: AccountKind, criterion: 'uid' | 'gid', account: number | string | undefined): Finding[] => {
    if (typeof account !== 'string' || accountId(kind, account) !== undefined) return [];
    const problem = `/etc/${kind} has no ${account}: client ${name} matches nobody until it does`;
    return [finding('warning', ['clients', name, criterion], problem, 'create the account, or write a number')];
  };
  return [...unknown('passwd', 'uid', uid), ...unknown('group', 'gid', gid)];
}

function credentialFindings(name: string, client: ClientConfiguration): Finding[] {
  const path = ['clients', name, 'credentials'];
  if (Object.keys(client.credentials).length === 0) return [];
  if (client.unit === undefined)
    return [finding('error', path, `client ${name} has credentials and is no unit`, 'add unit = "….service", or remove them')];
  const others = criteria.filter((criterion) => criterion !== 'unit' && client[criterion] !== undefined);
  if (others.length === 0) return [];
  const problem = `systemd asks for the credentials of ${name} before it has its ${others.join(' and ')}`;
  return [finding('error', path, problem, 'give them to a client that states its unit alone')];
}

function nameFindings(profile: string, { name }: ProfileConfiguration): Finding[] {
  if (name === undefined || name === profile) return [];
  const problem = `profile ${profile} calls itself ${name}; what stands in brackets counts`;
  return [finding('warning', ['profiles', profile, 'name'], problem, `write name = "${profile}", or remove it`)];
}

function factorFindings(profile: string, { auth }: ProfileConfiguration, isWritten: (path: KeyPath) => boolean): Finding[] {
  const { mode, required, additional_required: additional } = auth;
  const path = ['profiles', profile, 'auth'];
  const requiresNothing = required.length + additional === 0;
  if (mode === 'policy') {
    const remedy = 'add required = ["…"] or additional_required = 1';
    return requiresNothing ? [finding('error', [...path, 'mode'], 'mode "policy" requires no factor at all', remedy)] : [];
  }
  // What is inherited from a profile with another mode simply does not count.
  const written = (['required', 'additional_required'] as const).filter((key) => isWritten([...path, key]));
  return (requiresNothing ? [] : written).map((key) => {
    const problem = `${formatKey([...path, key])} counts with mode "policy" only, and the mode is "${mode}"`;
    return finding('error', [...path, key], problem, `write mode = "policy", or remove ${key}`);
  });
}

function ruleFindings(
  profile: string,
  { secrets: { access } }: ProfileConfiguration,
  clients: Configuration['clients'],
): Finding[] {
  const known = [...Object.keys(clients), administrators];
  return Object.entries(access).flatMap(([client, names]) => {
    const path = ['profiles', profile, 'secrets', 'access', client];
    const found: Finding[] = [];
    if (!known.includes(client) && client !== everyOtherClient && !client.startsWith('daemon-')) {
      const meant = nearest(client, known);
      const remedy = meant === undefined ? `add [clients.${client}]` : `did you mean ${meant}?`;
      found.push(finding('warning', path, `there is no client ${client}`, remedy));
    }
    for (const [index, name] of names.entries()) {
      if (name === '*' || !name.replace(/\/\*$/, '').includes('*')) continue;
      const problem = `${JSON.stringify(name)} means the secret of exactly this name`;
      const remedy = '"*" alone is all, and "/*" at the end is all below; write one of these';
      found.push(finding('warning', [...path, index], problem, remedy));
    }
    return found;
  });
}

/** A client that the rules of a profile do not name is held to what they say of "*", and to nothing without that: easily overlooked. */
function missingRuleFindings(
  profile: string,
  { secrets: { access } }: ProfileConfiguration,
  clients: Configuration['clients'],
): Finding[] {
  if (Object.keys(access).length === 0 || Object.hasOwn(access, everyOtherClient)) return [];
  const missing = Object.entries(clients)
    .filter(([client, { clearance }]) => clears(clearance, 'profile-scoped') && !Object.hasOwn(access, client))
    .map(([client]) => client)
    .filter((client) => client !== administrators);
  const [first] = missing;
  if (first === undefined) return [];
  const problem = `${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ' …' : ''} may read all of profile ${profile}, having no rule`;
  return [
    finding(
      'warning',
      ['profiles', profile, 'secrets', 'access'],
      problem,
      `add ${first} = [] or the names that it needs, or "*" = [] for all clients without a rule`,
    ),
  ];
}

/** A criterion in one spelling: accounts as their numbers, where they have one. */
function comparable(criterion: (typeof criteria)[number], value: string | number | undefined): string {
  if (typeof value !== 'string') return String(value);
  if (criterion === 'uid') return String(accountId('passwd', value) ?? value);
  if (criterion === 'gid') return String(accountId('group', value) ?? value);
  return criterion === 'unit' ? withoutSuffix(value) : value.toLowerCase();
}
