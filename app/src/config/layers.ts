// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { type Diagnostic, diagnose, startOf } from './diagnostics.ts';
import { type Document, longestFile, parseDocument } from './document.ts';
import type { Paths } from './paths.ts';

/** What `init` and the device itself wrote: below everything a person writes. */
export const rulesFile = 'rules.toml';
export const policyFile = 'policy.toml';

/** The files that may hold settings, lowest layer first, whether or not they exist. */
export function layerFiles({ configuration, systemConfiguration, state }: Paths, diagnostics: Diagnostic[]): string[] {
  const directories = systemConfiguration === undefined ? [configuration] : [systemConfiguration, configuration];
  return [
    join(state, rulesFile),
    ...directories.flatMap((directory) => [join(directory, 'config.toml'), ...fragments(directory, diagnostics)]),
  ];
}

/** The files that may lock settings. Locks of the system stand above those of a user. */
export function policyFiles({ configuration, systemConfiguration }: Paths): string[] {
  return [join(systemConfiguration ?? configuration, policyFile)];
}

/** Reads a file that may be absent. What is wrong with it becomes a diagnostic. */
export function readDocument(file: string, diagnostics: Diagnostic[]): Document | undefined {
  let bytes: Buffer | undefined;
  try {
    bytes = readBounded(file, longestFile);
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    diagnostics.push(
      diagnose(
        'error',
        startOf(file),
        `the file cannot be used: ${String(thrown.parameters['cause'] ?? thrown.parameters['reason'])}`,
        'make it a readable file of at most 1 MiB, or remove it',
      ),
    );
    return undefined;
  }
  if (bytes === undefined) return undefined;
  const document = parseDocument(file, bytes);
  if (!('severity' in document)) return document;
  diagnostics.push(document);
  return undefined;
}

function fragments(directory: string, diagnostics: Diagnostic[]): string[] {
  const path = join(directory, 'config.d');
  try {
    return readdirSync(path)
      .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
      .sort()
      .map((name) => join(path, name));
  } catch (thrown) {
    const absent = ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(thrown) ?? '');
    if (!absent)
      diagnostics.push(diagnose('error', startOf(path), `the directory cannot be read: ${describe(thrown)}`, 'make it readable'));
    return [];
  }
}
