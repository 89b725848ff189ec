// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { commands } from '../commands.ts';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { completionModel } from '../completion/model.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Invocation } from '../invocation.ts';
import { print } from '../streams.ts';

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const shell = invocation.required(0);
  if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish') throw invocation.refuse(`there are no completions for ${shell}`);
  print(writers[shell](completionModel(commands)));
  return Exit.done;
}
