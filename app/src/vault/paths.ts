// SPDX-License-Identifier: MIT
import { join } from 'node:path';

/** The SQLCipher file of a profile, inside `vaults/` or inside a generation that is being prepared. */
export function databasePath(directory: string, profile: string): string {
  return join(directory, databaseName(profile));
}

export function databaseName(profile: string): string {
  return `${profile}.db`;
}

/** What SQLite keeps beside a database that is open or was not closed. It belongs to that database and to no other. */
export function databaseCompanions(profile: string): readonly string[] {
  return ['-wal', '-shm', '-journal'].map((suffix) => `${databaseName(profile)}${suffix}`);
}

/** Files that each hold the master key, or a piece of it, wrapped under one factor. */
export function wrapNames(profile: string): readonly string[] {
  return ['password-wrap', 'ssh-enrollment', 'tpm-enrollment', 'recovery-wrap'].map((suffix) => `${profile}.${suffix}`);
}

/** Every file of a profile that changes with its master key. A generation holds these under their final names. */
export function generationNames(profile: string): readonly string[] {
  return [databaseName(profile), `${profile}.salt`, `${profile}.vault-meta`, ...wrapNames(profile)];
}

/** A generation that is being prepared and does not count yet. A profile's name has no dot, so this is nobody's file. */
export function nextPath(directory: string, profile: string): string {
  return join(directory, `${profile}.next`);
}

/** A generation that counts and whose files are being moved into place. */
export function committedPath(directory: string, profile: string): string {
  return join(directory, `${profile}.committed`);
}

/** The profile that a directory of a generation belongs to, or undefined for any other name. */
export function generationProfile(name: string): string | undefined {
  return /^([^.]+)\.(?:next|committed)$/.exec(name)?.[1];
}
