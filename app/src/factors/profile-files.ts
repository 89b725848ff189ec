// SPDX-License-Identifier: MIT
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../core/errors.ts';
import { isProfileName } from '../core/names.ts';
import { storageError } from '../linux/files.ts';

/** Mode of every file here: the daemon's user alone. */
export const fileMode = 0o600;

export const saltSuffix = 'salt';
export const metaSuffix = 'vault-meta';
export const attemptsSuffix = 'unlock-attempts';

/** The files of all factors that the format knows, whether or not this version can read them. */
export const wrapSuffixes: readonly string[] = [
  'password-wrap',
  'ssh-enrollment',
  'tpm-enrollment',
  'tpm-enrollment.previous',
  'recovery-wrap',
];

/** Any of these makes a profile a vault. */
const vaultSuffixes = ['db', saltSuffix, metaSuffix, ...wrapSuffixes];

export function profileFileName(profile: string, suffix: string): string {
  return `${profile}.${suffix}`;
}

export function profileFile(directory: string, profile: string, suffix: string): string {
  return join(directory, profileFileName(profile, suffix));
}

/** Whether any file of a vault of that name is there. */
export function hasVaultFiles(directory: string, profile: string): boolean {
  return vaultSuffixes.some((suffix) => existsSync(profileFile(directory, profile, suffix)));
}

/**
 * The profiles that have any file of a vault, sorted; none when the directory does not exist.
 * @throws SesameError storage-failed when the directory cannot be read
 */
export function profilesWithVaults(directory: string): string[] {
  const profiles = new Set<string>();
  for (const name of readDirectory(directory)) {
    const dot = name.indexOf('.');
    const profile = name.slice(0, Math.max(dot, 0));
    if (isProfileName(profile) && vaultSuffixes.includes(name.slice(dot + 1))) profiles.add(profile);
  }
  return [...profiles].sort();
}

function readDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (thrown) {
    if (systemErrorCode(thrown) === 'ENOENT') return [];
    throw storageError(directory, thrown);
  }
}
