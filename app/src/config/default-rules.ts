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
  const document = before === undefined ? undefined : parseDocument(file, before);
  if (document !== undefined && 'severity' in document) {
    throw SesameError.of('file-damaged', { path: file, reason: `line ${document.line}: ${document.problem}` });
  }
  const table: Table = document?.table ?? {};
  const present = valueAt(table, ['profiles', profile, 'secrets', 'access']);
  if (isTable(present) && Object.keys(present).length > 0) return undefined;
  const rules = tableWith(['profiles', profile, 'secrets', 'access'], { [administrators]: ['*'], [everyOtherClient]: [] });
  return Buffer.from(notice + stringify(merge(table, rules)));
}
