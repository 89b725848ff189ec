// SPDX-License-Identifier: MIT
import { asSesameError, type SesameError } from '../core/errors.ts';
import { Exit } from '../core/exit.ts';
import type { CommandDefinition } from './definition.ts';
import { OutputClosed, say, standardError, writeAll } from './streams.ts';

/** What a shell shows for a program that a signal ended: 128 and the signal's number. SIGPIPE is 13. */
const endedBySigpipe = 141;

/** Ends the process with the code that the work comes to, or with that of what it throws, which is said. */
export function endWith(work: Promise<number>, commands: readonly CommandDefinition[]): void {
  work
    .catch((thrown: unknown) => report(thrown, commands))
    // Everything is written by now: exiting here spares waiting for timers and sockets that no longer matter.
    .then((code) => process.exit(code))
    .catch(() => process.exit(Exit.unexpected));
}

async function report(thrown: unknown, commands: readonly CommandDefinition[]): Promise<number> {
  if (thrown instanceof OutputClosed) return endedBySigpipe;
  const error = asSesameError(thrown, 'sesame');
  say(error.message);
  if (error.code === 'usage') await showUsage(error, commands);
  return error.exit;
}

/** The one line that shows how the command is meant. */
async function showUsage(error: SesameError, commands: readonly CommandDefinition[]): Promise<void> {
  const { usageOf } = await import('./help.ts');
  const name = String(error.parameters['command']).replace(/^sesame ?/, '');
  const command = commands.find((candidate) => candidate.name === name);
  const usage = command === undefined ? 'sesame COMMAND [OPTION …] [ARGUMENT …]' : usageOf(command);
  writeAll(standardError, Buffer.from(`usage: ${usage}\n`));
}
