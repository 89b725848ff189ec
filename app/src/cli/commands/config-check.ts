// SPDX-License-Identifier: MIT
import { formatDiagnostic } from '../../config/diagnostics.ts';
import { readConfiguration } from '../../config/load.ts';
import { resolvePaths } from '../../config/paths.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { print, printJson, say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const { diagnostics, sources } = readConfiguration(resolvePaths(process.env, process.getuid?.() ?? 0));
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (invocation.flag('json')) printJson({ valid: errors === 0, sources, diagnostics });
  else print(diagnostics.map((diagnostic) => `${formatDiagnostic(diagnostic)}\n`).join(''));
  if (errors > 0) say(`the configuration is invalid: ${errors} ${errors === 1 ? 'error' : 'errors'}`);
  else say(`the configuration is valid: ${sources.length === 0 ? 'defaults alone' : sources.join(', ')}`);
  return errors > 0 ? Exit.configuration : Exit.done;
}
