// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { givenWords } from './caller.ts';
import type { Invocation } from './invocation.ts';

/** What Node reads in place of bytes that are not UTF-8. */
const replacement = '\ufffd';

/**
 * The secret that a command is about, its first argument. To be asked before tracing is denied, which closes the command line to this process.
 * @throws SesameError secret-name-invalid when it is not UTF-8: read as something else, it would be the name of another secret
 */
export function secretNameOf(invocation: Invocation): string {
  const name = invocation.required(0);
  if (!name.includes(replacement)) return name;
  const bytes = Buffer.from(name);
  if (givenWords().some((word) => word.equals(bytes))) return name;
  throw SesameError.of('secret-name-invalid', { name: JSON.stringify(name), reason: 'it is not UTF-8' });
}
