// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';

export type AccountKind = 'passwd' | 'group';

const longestFile = 262_144;

/**
 * The number of a user or group by its name in /etc/passwd or /etc/group (passwd(5), group(5)), or undefined: then it matches
 * nobody. Read anew each time: accounts change, and a device has few. Other sources of accounts are not asked; write their numbers.
 */
export function accountId(kind: AccountKind, name: string, directory = '/etc'): number | undefined {
  for (const line of readAccounts(`${directory}/${kind}`).split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name && /^\d+$/.test(fields[2] ?? '')) return Number(fields[2]);
  }
  return undefined;
}

function readAccounts(path: string): string {
  try {
    return readBounded(path, longestFile)?.toString('utf8') ?? '';
  } catch (thrown) {
    // A device without readable accounts has numbers only; the configuration's diagnostics name each that is unknown.
    if (thrown instanceof SesameError) return '';
    throw thrown;
  }
}
