// SPDX-License-Identifier: MIT
import type { Configuration } from '../../config/configuration.ts';
import { formatDiagnostic } from '../../config/diagnostics.ts';
import { loadConfiguration } from '../../config/load.ts';
import type { Paths } from '../../config/paths.ts';
import { SesameError } from '../../core/errors.ts';
import type { StatusReport } from '../status-report.ts';
import { type Check, fail, pass, warn } from './check.ts';

const remedy = 'correct the file; see: sesame config check';

interface Examined {
  readonly checks: readonly Check[];
  readonly configuration: Configuration | undefined;
}

/** The files as they are now, and what the daemons think of those in force. */
export function examineConfiguration(paths: Paths, status: StatusReport): Examined {
  const { check, configuration } = examineFiles(paths);
  return { checks: [check, ...examineDaemons(status)], configuration };
}

function examineFiles(paths: Paths): { check: Check; configuration: Configuration | undefined } {
  const id = 'configuration';
  try {
    const { configuration, diagnostics, sources } = loadConfiguration(paths);
    const found = diagnostics.filter(({ severity }) => severity !== 'info').map(formatDiagnostic);
    const check =
      found.length > 0 ? warn(id, found.join('; '), remedy) : pass(id, `valid, from ${sources.join(', ') || 'defaults alone'}`);
    return { check, configuration };
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    return { check: fail(id, thrown.message, remedy), configuration: undefined };
  }
}

function examineDaemons({ daemons }: StatusReport): Check[] {
  return daemons.flatMap((daemon) => {
    if (!daemon.reachable || daemon.configuration_problems.length === 0) return [];
    return [warn(`${daemon.name}/configuration`, daemon.configuration_problems.join('; '), remedy)];
  });
}
