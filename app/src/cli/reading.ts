// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readingCommands } from './definitions/reading.ts';
import { endWith } from './ending.ts';
import { type Invocation, runCommand } from './invocation.ts';
import { parseCommandLine } from './parse.ts';

/**
 * The commands that read secrets, as a program of its own: compiled code that a command does not need costs it more than all else that it
 * could leave out.
 * @returns false when the words are for the whole program: another command, a mistake, a wish for help
 */
export function read(words: readonly string[]): boolean {
  const invocation = understood(words);
  if (invocation === undefined) return false;
  endWith(runCommand(invocation), readingCommands);
  return true;
}

function understood(words: readonly string[]): Invocation | undefined {
  try {
    const parsed = parseCommandLine(readingCommands, words);
    return parsed.kind === 'command' ? parsed.invocation : undefined;
  } catch (thrown) {
    // The whole program finds the same mistake and says what it knows about it.
    if (thrown instanceof SesameError) return undefined;
    throw thrown;
  }
}
