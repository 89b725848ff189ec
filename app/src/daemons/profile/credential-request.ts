// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import { clientOfUnit, type ServiceClient, withoutSuffix } from '../../config/clients.ts';
import type { Configuration } from '../../config/configuration.ts';
import { SesameError } from '../../core/errors.ts';
import { peerAddress, peerCredentials, peerUnit } from '../../linux/peer.ts';

/** A credential that a service may ask for, and what is in it. Whether the service may read that is not decided here. */
export interface CredentialRequest {
  readonly client: ServiceClient;
  readonly pid: number;
  readonly credential: string;
  readonly secret: string;
}

/** What the kernel says of whoever asks. */
interface Asker {
  readonly uid: number;
  readonly pid: number;
  /** As it bound itself. */
  readonly address: Buffer;
  /** The service that its cgroup says it belongs to. */
  readonly unit: string | undefined;
}

/** @throws SesameError connection-closed */
export function askerOf(socket: Socket): Asker {
  const { uid, pid } = peerCredentials(socket);
  return { uid, pid, address: peerAddress(socket), unit: peerUnit(socket) };
}

/**
 * What systemd says by the abstract address that it asks from (systemd.exec(5), LoadCredential=): a NUL byte, a random number, `/unit/`,
 * the unit and the name of the credential.
 */
export function parseAddress(address: Buffer): { unit: string; credential: string } | undefined {
  const [, unit, credential] = /^\0[0-9a-f]{1,16}\/unit\/([^/\0]+)\/([^/\0]+)$/.exec(address.toString('utf8')) ?? [];
  return unit === undefined || credential === undefined ? undefined : { unit, credential };
}

/**
 * Which secret is asked for, and for which client. The address is the asker's own word, so it counts for which credential is meant, and its
 * unit has to be the one that the kernel names: systemd reads a credential from a process in the cgroup of the service that it is about to start.
 * @throws SesameError credential-refused
 */
export function identifyRequest({ uid, pid, address, unit }: Asker, configuration: Configuration): CredentialRequest {
  const asked = parseAddress(address);
  const refuse = (reason: string): SesameError =>
    SesameError.of('credential-refused', {
      who: asked === undefined ? `the process ${pid}` : JSON.stringify(asked.unit),
      credential: JSON.stringify(asked?.credential ?? ''),
      reason,
    });
  if (uid !== 0) throw refuse(`the user with uid ${uid} asks, and systemd does so as root`);
  if (asked === undefined) throw refuse('it does not ask as systemd does; use LoadCredential= of its unit');
  if (unit === undefined || asked.unit !== `${unit}.service`)
    throw refuse(`it is asked for by a process of ${unit === undefined ? 'no service' : `${unit}.service`}`);
  const client = clientOfUnit(configuration, withoutSuffix(asked.unit));
  if (client === undefined)
    throw refuse('no client is this unit; an administrator adds [clients.NAME] with unit and credentials');
  const secret = Object.hasOwn(client.credentials, asked.credential) ? client.credentials[asked.credential] : undefined;
  if (secret === undefined) throw refuse(`[clients.${client.name}] names no such credential`);
  return { client, pid, credential: asked.credential, secret };
}
