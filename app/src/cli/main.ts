// SPDX-License-Identifier: MIT
import { asSesameError, type SesameError } from '../core/errors.ts';
import { Exit } from '../core/exit.ts';
import { commands } from './commands.ts';
import { parseCommandLine } from './parse.ts';
import { OutputClosed, print, say, standardError, writeAll } from './streams.ts';

/** What a shell shows for a program that a signal ended: 128 and the signal's number. SIGPIPE is 13. */
const endedBySigpipe = 141;

async function run(words: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(commands, words);
  switch (parsed.kind) {
    case 'version': {
      const { version } = await import('./version.ts');
      print(`sesame ${version}\n`);
      return Exit.done;
    }
    case 'help': {
      const { showHelp } = await import('./commands/help.ts');
      return showHelp(parsed.topic);
    }
    case 'command': {
      const { command } = parsed.invocation;
      const { run: runCommand } = await command.load();
      return runCommand(parsed.invocation);
    }
  }
}

async function report(thrown: unknown): Promise<number> {
  if (thrown instanceof OutputClosed) return endedBySigpipe;
  const error = asSesameError(thrown, 'sesame');
  say(error.message);
  if (error.code === 'usage') await showUsage(error);
  return error.exit;
}

/** The one line that shows how the command is meant. */
async function showUsage(error: SesameError): Promise<void> {
  const { usageOf } = await import('./help.ts');
  const name = String(error.parameters['command']).replace(/^sesame ?/, '');
  const command = commands.find((candidate) => candidate.name === name);
  const usage = command === undefined ? 'sesame COMMAND [OPTION …] [ARGUMENT …]' : usageOf(command);
  writeAll(standardError, Buffer.from(`usage: ${usage}\n`));
}

run(process.argv.slice(2))
  .catch(report)
  // Everything is written by now: exiting here spares waiting for timers and sockets that no longer matter.
  .then((code) => process.exit(code))
  .catch(() => process.exit(Exit.unexpected));
