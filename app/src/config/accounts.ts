// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';

export type AccountKind = 'passwd' | 'group';

const longestFile = 262_144;

/**
 * The number of a user or group by its name in /etc/passwd or /etc/group (passwd(5), group(5)), or undefined: then it matches
 * nobody. Read anew each time: accounts change, and a device has few. Other sources of accounts are not asked; write their numbers.
 *
 * A daemon in its sandbox may read the file that was there at its start. Where another one has taken its place, as useradd(8) does it, what
 * was read last counts until a restart, and `staleAccounts` names it.
 */
export function accountId(kind: AccountKind, name: string, directory = '/etc'): number | undefined {
  for (const line of readAccounts(`${directory}/${kind}`).split('\n')) {
    const fields = line.split(':');
    if (fields[0] === name && /^\d+$/.test(fields[2] ?? '')) return Number(fields[2]);
  }
  return undefined;
}

const lastRead = new Map<string, string>();
const stale = new Set<string>();

/** The files that were replaced by some that this process may not read. */
export function staleAccounts(): readonly string[] {
  return [...stale];
}

function readAccounts(path: string): string {
  try {
    const text = readBounded(path, longestFile)?.toString('utf8') ?? '';
    lastRead.set(path, text);
    stale.delete(path);
    return text;
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    // A device without readable accounts has numbers only; the configuration's diagnostics name each that is unknown.
    const text = lastRead.get(path);
    if (text !== undefined) stale.add(path);
    return text ?? '';
  }
}
