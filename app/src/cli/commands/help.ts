// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { commands } from '../commands.ts';
import { commandHelp, overview } from '../help.ts';
import type { Invocation } from '../invocation.ts';
import { print } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  return showHelp(invocation.positionals.join(' '));
}

/**
 * @param topic a command, a group of commands, or nothing for all
 * @throws SesameError usage
 */
export function showHelp(topic: string): ExitCode {
  const command = commands.find(({ name }) => name === topic);
  const isGroup = topic === '' || commands.some(({ name }) => name.startsWith(`${topic} `));
  if (command !== undefined) print(commandHelp(command));
  else if (isGroup) print(overview(commands, topic));
  else throw SesameError.of('usage', { problem: `there is no command ${JSON.stringify(topic)}`, command: 'sesame' });
  return Exit.done;
}
