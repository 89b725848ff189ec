// SPDX-License-Identifier: MIT
import { readBounded } from '../linux/files.ts';

export type AccountKind = 'passwd' | 'group';

const longestFile = 1_048_576;

/**
 * The number of a user or group by its name in /etc/passwd or /etc/group (passwd(5), group(5)), or undefined. Read anew each
 * time: accounts change, and a device has few. Other sources of accounts are not asked; write their numbers.
 */
export function accountId(kind: AccountKind, name: string, directory = '/etc'): number | undefined {
  const text = readBounded(`${directory}/${kind}`, longestFile)?.toString('utf8') ?? '';
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name && /^\d+$/.test(fields[2] ?? '')) return Number(fields[2]);
  }
  return undefined;
}
