// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto';
import { stringify } from 'smol-toml';
import { SesameError } from '../core/errors.ts';
import { uuidV5 } from '../core/uuid.ts';
import { parseDocument } from './document.ts';
import type { InstallationFile } from './schema.ts';
import { validators } from './validators.generated.js';

/** The root of every installation's namespace. */
export const rootNamespace = '4c45a64f-abcd-5977-bc73-99d4c93d668b';

/** installation.toml: who this installation is. Keys that this version does not know are kept. */
export type Installation = InstallationFile;

/** A new identity without an organisation. */
export function createInstallation(): Installation {
  const id = randomUUID();
  return { id, namespace: uuidV5(rootNamespace, `install:${id}`) };
}

/** @throws SesameError installation-invalid */
export function parseInstallation(path: string, bytes: Buffer): Installation {
  const document = parseDocument(path, bytes);
  if ('severity' in document)
    throw SesameError.of('installation-invalid', { path, reason: `line ${document.line}: ${document.problem}` });
  const table: unknown = document.table;
  if (isInstallation(table)) return table;
  const [error] = validators['installation']?.errors ?? [];
  throw SesameError.of('installation-invalid', {
    path,
    reason: `${error?.instancePath ?? ''} ${error?.message ?? 'it is incomplete'}`.trim(),
  });
}

export function serialiseInstallation(installation: Installation): Buffer {
  return Buffer.from(stringify(installation));
}

/** The id of a profile, derived from the namespace of its installation (RFC 9562, version 5). */
export function profileId(namespace: string, profile: string): string {
  return uuidV5(namespace.toLowerCase(), `profile:${profile}`);
}

function isInstallation(table: unknown): table is Installation {
  return validators['installation']?.(table) === true;
}
