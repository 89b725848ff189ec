// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';
import { type AccountKind, accountId } from './accounts.ts';
import type { ClientConfiguration, Configuration } from './configuration.ts';

/** The client that root and the daemons' own user are, unless the configuration says otherwise. */
export const administrators = 'administrators';

/** What the kernel says about a process, and the key it came with. */
export interface Process {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** The public key of its connection, in lower-case hexadecimal; absent before the handshake. */
  readonly publicKeyHex?: string;
  /** The service it belongs to, without suffix. Asked for only when a client names one. */
  readonly unit?: () => string | undefined;
}

export interface IdentifiedClient {
  readonly name: string;
  readonly clearance: SecurityLevel;
}

/**
 * Which client a process is: the first of the configuration whose criteria all hold, or an administrator by being root or the
 * daemons' own user. Undefined: nobody, to be sent away before the handshake. Before the handshake a criterion on the key holds
 * for the moment; it is asked again once the key is known.
 */
export function identifyClient(
  { clients }: Configuration,
  process_: Process,
  ownUid = process.getuid?.() ?? 0,
): IdentifiedClient | undefined {
  for (const [name, client] of Object.entries(clients)) {
    if (matches(client, process_)) return { name, clearance: client.clearance };
  }
  if (process_.uid === 0 || process_.uid === ownUid) return { name: administrators, clearance: 'secrets-only' };
  return undefined;
}

function matches({ uid, gid, unit, key }: ClientConfiguration, process_: Process): boolean {
  if (uid !== undefined && !isAccount('passwd', uid, [process_.uid])) return false;
  if (gid !== undefined && !isAccount('group', gid, [process_.gid, ...process_.groups])) return false;
  if (unit !== undefined && process_.unit?.() !== unit.replace(/\.service$/, '')) return false;
  return key === undefined || process_.publicKeyHex === undefined || key.toLowerCase() === process_.publicKeyHex;
}

function isAccount(kind: AccountKind, wanted: number | string, ids: readonly number[]): boolean {
  const id = typeof wanted === 'number' ? wanted : accountId(kind, wanted);
  return id !== undefined && ids.includes(id);
}
