// SPDX-License-Identifier: MIT
import { Exit } from '../core/exit.ts';
import { commands } from './commands.ts';
import { endWith } from './ending.ts';
import { runCommand } from './invocation.ts';
import { parseCommandLine } from './parse.ts';
import { print } from './streams.ts';

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
    case 'command':
      return runCommand(parsed.invocation);
  }
}

endWith(run(process.argv.slice(2)), commands);
