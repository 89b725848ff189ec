// SPDX-License-Identifier: MIT
import { SesameError } from './errors.ts';

const profilePattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a secret name may not hold
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** The longest value of a secret, in bytes. */
export const longestValue = 65_536;

/** The longest name of a secret, in bytes of UTF-8. */
export const longestSecretName = 256;

export function isProfileName(name: string): boolean {
  return profilePattern.test(name);
}

/**
 * Checked at every boundary: command line, bus, configuration, file names.
 * @throws SesameError profile-name-invalid
 */
export function requireProfileName(name: string): string {
  if (!isProfileName(name)) throw SesameError.of('profile-name-invalid', { name: JSON.stringify(name.slice(0, 80)) });
  return name;
}

/**
 * A name that we store. Foreign names that break these rules stay readable and deletable, so this is asked on `set` only.
 * @throws SesameError secret-name-invalid
 */
export function requireSecretName(name: string): string {
  const reason = secretNameProblem(name);
  if (reason !== undefined) throw SesameError.of('secret-name-invalid', { name: JSON.stringify(name.slice(0, 80)), reason });
  return name;
}

function secretNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'it is empty';
  if (Buffer.byteLength(name) > longestSecretName) return `it is longer than ${longestSecretName} bytes`;
  if (controlCharacter.test(name)) return 'it holds a control character';
  if (!name.isWellFormed()) return 'it is not valid Unicode';
  return undefined;
}

/** Upstream refuses these names, so it does not see such an entry: worth one warning. */
export function isInvisibleUpstream(name: string): boolean {
  return name.includes('/') || name.includes('\\') || name.includes('..');
}
