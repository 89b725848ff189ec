// SPDX-License-Identifier: MIT
import { loadConfiguration } from '../../config/load.ts';
import { resolvePaths } from '../../config/paths.ts';
import { renderEffective } from '../../config/render.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { print, printJson } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { configuration, originOf } = loadConfiguration(resolvePaths(process.env, process.getuid?.() ?? 0));
  if (invocation.flag('json')) printJson(configuration);
  else print(renderEffective(configuration, originOf));
  return Exit.done;
}
