// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';
import { type AccountKind, accountId } from './accounts.ts';
import type { ClientConfiguration, Configuration } from './configuration.ts';

/** The client that root and the daemons' own user are, unless the configuration says otherwise. */
export const administrators = 'administrators';

/** What a client may be known by, the most specific first: of several clients that a process matches, it is the most specific. */
export const criteria = ['key', 'unit', 'uid', 'gid'] as const;

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

/** A client that is a service, with the credentials that it is given. */
export type ServiceClient = IdentifiedClient & Pick<ClientConfiguration, 'credentials' | 'credentials_profile'>;

/**
 * Which client a process is: one whose criteria all hold, and of several the most specific. Root and the daemons' own user are
 * administrators unless a client names them by more than a group. Undefined: nobody, to be sent away before the handshake. Before
 * the handshake a criterion on the key holds for the moment; it is asked again once the key is known.
 */
export function identifyClient(
  { clients }: Pick<Configuration, 'clients'>,
  process_: Process,
  ownUid = process.getuid?.() ?? 0,
): IdentifiedClient | undefined {
  const [best] = Object.entries(clients)
    .filter(([, client]) => matches(client, process_))
    .sort(([, one], [, other]) => compareSpecificity(one, other));
  const isOwner = process_.uid === 0 || process_.uid === ownUid;
  if (isOwner && (best === undefined || isGroupOnly(best[1]))) return { name: administrators, clearance: 'secrets-only' };
  return best && { name: best[0], clearance: best[1].clearance };
}

/**
 * The client that a service is by its unit alone. systemd asks for the credentials of a service as root and before there is a process of it,
 * so that a client with any further criterion cannot be known for it.
 */
export function clientOfUnit({ clients }: Pick<Configuration, 'clients'>, unit: string): ServiceClient | undefined {
  const [found] = Object.entries(clients).filter(
    ([, client]) => client.unit !== undefined && withoutSuffix(client.unit) === unit && isUnitOnly(client),
  );
  return found && { name: found[0], ...found[1] };
}

/** Negative when the first is the more specific: it has the first criterion, in their order, that the other lacks. */
function compareSpecificity(one: ClientConfiguration, other: ClientConfiguration): number {
  for (const criterion of criteria) {
    const difference = Number(other[criterion] !== undefined) - Number(one[criterion] !== undefined);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isUnitOnly({ key, uid, gid }: ClientConfiguration): boolean {
  return key === undefined && uid === undefined && gid === undefined;
}

function isGroupOnly({ key, unit, uid }: ClientConfiguration): boolean {
  return key === undefined && unit === undefined && uid === undefined;
}

function matches({ uid, gid, unit, key }: ClientConfiguration, process_: Process): boolean {
  // The schema cannot say that one of them is needed. A client without any must not become everybody.
  if (uid === undefined && gid === undefined && unit === undefined && key === undefined) return false;
  if (uid !== undefined && !isAccount('passwd', uid, [process_.uid])) return false;
  if (gid !== undefined && !isAccount('group', gid, [process_.gid, ...process_.groups])) return false;
  if (unit !== undefined && process_.unit?.() !== withoutSuffix(unit)) return false;
  return key === undefined || process_.publicKeyHex === undefined || key.toLowerCase() === process_.publicKeyHex;
}

/** The name of a service as init systems other than systemd have it. */
export function withoutSuffix(unit: string): string {
  return unit.replace(/\.service$/, '');
}

function isAccount(kind: AccountKind, wanted: number | string, ids: readonly number[]): boolean {
  const id = typeof wanted === 'number' ? wanted : accountId(kind, wanted);
  return id !== undefined && ids.includes(id);
}
