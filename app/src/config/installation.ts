// SPDX-License-Identifier: MIT
import { randomUUID } from 'node:crypto';
import { stringify } from 'smol-toml';
import { assert, SesameError } from '../core/errors.ts';
import { uuidV5 } from '../core/uuid.ts';
import type { Diagnostic } from './diagnostics.ts';
import { parseDocument } from './document.ts';
import { schemaProblems } from './schema-problems.ts';
import type { InstallationFile } from './state-schema.ts';
import { validators } from './validators.generated.js';

/** The root of every installation's namespace. */
export const rootNamespace = '4c45a64f-abcd-5977-bc73-99d4c93d668b';

/** installation.toml: who this installation is. Keys that this version does not know are kept. */
export type Installation = InstallationFile;

/**
 * A new identity.
 * @param domain of the organisation that the installation belongs to; its namespace then lies below that of the organisation
 */
export function createInstallation(domain?: string): Installation {
  const id = randomUUID();
  if (domain === undefined) return { id, namespace: uuidV5(rootNamespace, `install:${id}`) };
  const namespace = uuidV5(rootNamespace, `org:${domain}`);
  return { id, namespace: uuidV5(namespace, `install:${id}`), org: { domain, namespace } };
}

/** @throws SesameError installation-invalid */
export function parseInstallation(path: string, bytes: Buffer): Installation {
  const document = parseDocument(path, bytes);
  if ('severity' in document) throw invalid(document);
  const [problem] = schemaProblems(document, 'installation');
  if (problem !== undefined) throw invalid(problem);
  const table: unknown = document.table;
  assert(isInstallation(table), 'a file without problems is an installation');
  return table;
}

/** What ties an installation to a machine, as a hash: of its machine-id, or of what its TPM sealed. */
export type MachineBinding = NonNullable<Installation['machine_binding']>;

/** The same installation, bound to a machine. */
export function withMachineBinding(installation: Installation, binding: MachineBinding): Installation {
  return { ...installation, machine_binding: { ...installation.machine_binding, ...binding } };
}

function invalid({ file, line, problem }: Diagnostic): SesameError {
  return SesameError.of('installation-invalid', { path: file, reason: `line ${line}: ${problem}` });
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
