// SPDX-License-Identifier: MIT
import { requireProfileName } from '../core/names.ts';
import type { Invocation } from './invocation.ts';

/**
 * The profile of a command that takes it as its first argument or as --profile.
 * @throws SesameError usage when the two differ, profile-name-invalid
 */
export function chosenProfile(invocation: Invocation): string | undefined {
  const argument = invocation.argument(0);
  const option = invocation.value('profile');
  if (argument !== undefined && option !== undefined && argument !== option)
    throw invocation.refuse(`the argument is ${JSON.stringify(argument)} and --profile is ${JSON.stringify(option)}`);
  const chosen = argument ?? option;
  return chosen === undefined ? undefined : requireProfileName(chosen);
}
