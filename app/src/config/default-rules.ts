// SPDX-License-Identifier: MIT
import { stringify } from 'smol-toml';
import { SesameError } from '../core/errors.ts';
import { everyOtherClient } from './access.ts';
import { administrators } from './clients.ts';
import { isTable, parseDocument, type Table } from './document.ts';
import { merge, tableWith, valueAt } from './merge.ts';

const notice = `# Written by "sesame init": the safe rules, below every other configuration file. To grant a program something, add it to
# config.toml; what is set there replaces what is set here.
`;

/**
 * rules.toml with the safe rules for a profile: administrators may do everything, everybody else nothing.
 * @returns undefined when the file has rules for the profile already
 * @throws SesameError file-damaged
 */
export function addDefaultRules(file: string, before: Buffer | undefined, profile: string): Buffer | undefined {
  const table = before === undefined ? {} : parseRules(file, before);
  const present = valueAt(table, rulesOf(profile));
  if (isTable(present) && Object.keys(present).length > 0) return undefined;
  return rulesFile(merge(table, tableWith(rulesOf(profile), defaultRules)));
}

/**
 * rules.toml without the safe rules for a profile.
 * @returns empty when nothing is left, undefined when the profile has other rules or none
 * @throws SesameError file-damaged
 */
export function removeDefaultRules(file: string, before: Buffer, profile: string): Buffer | undefined {
  const table = parseRules(file, before);
  const present = valueAt(table, ['profiles', profile]);
  if (!isTable(present) || stringify(present) !== stringify(tableWith(['secrets', 'access'], defaultRules))) return undefined;
  const profiles = Object.entries(valueAt(table, ['profiles']) ?? {}).filter(([name]) => name !== profile);
  const others = Object.entries(table).filter(([name]) => name !== 'profiles');
  if (profiles.length === 0 && others.length === 0) return Buffer.alloc(0);
  const rest = profiles.length === 0 ? [] : [['profiles', Object.fromEntries(profiles)] as const];
  return rulesFile(Object.fromEntries([...others, ...rest]));
}

const defaultRules: Table = { [administrators]: ['*'], [everyOtherClient]: [] };

function rulesOf(profile: string): string[] {
  return ['profiles', profile, 'secrets', 'access'];
}

function rulesFile(table: Table): Buffer {
  return Buffer.from(notice + stringify(table));
}

function parseRules(file: string, bytes: Buffer): Table {
  const document = parseDocument(file, bytes);
  if (!('severity' in document)) return document.table;
  throw SesameError.of('file-damaged', { path: file, reason: `line ${document.line}: ${document.problem}` });
}
