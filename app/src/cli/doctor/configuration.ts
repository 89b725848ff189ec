// SPDX-License-Identifier: MIT
import { closeSync, constants, openSync } from 'node:fs';
import type { Configuration } from '../../config/configuration.ts';
import { formatDiagnostic } from '../../config/diagnostics.ts';
import { readConfiguration } from '../../config/load.ts';
import type { Paths } from '../../config/paths.ts';
import { systemErrorCode } from '../../core/errors.ts';
import type { StatusReport } from '../status-report.ts';
import { type Check, fail, pass, warn } from './check.ts';

const { O_NONBLOCK, O_RDONLY } = constants;
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
  const { configuration, diagnostics, sources } = readConfiguration(paths);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const error = errors.find(({ file }) => !isClosed(file)) ?? errors[0];
  if (error !== undefined && isClosed(error.file)) {
    const finding = `not everything can be looked at: ${error.file} is closed to this user`;
    return { check: warn(id, finding, 'run this as root to see it'), configuration };
  }
  if (error !== undefined) return { check: fail(id, formatDiagnostic(error), remedy), configuration };
  const found = diagnostics.filter(({ severity }) => severity !== 'info').map(formatDiagnostic);
  const check =
    found.length > 0 ? warn(id, found.join('; '), remedy) : pass(id, `valid, from ${sources.join(', ') || 'defaults alone'}`);
  return { check, configuration };
}

/** The daemons may read what is closed to whoever asks. */
function isClosed(path: string): boolean {
  try {
    closeSync(openSync(path, O_RDONLY | O_NONBLOCK));
    return false;
  } catch (thrown) {
    return systemErrorCode(thrown) === 'EACCES';
  }
}

function examineDaemons({ daemons }: StatusReport): Check[] {
  return daemons.flatMap((daemon) => {
    if (!daemon.reachable || daemon.configuration_problems.length === 0) return [];
    return [warn(`${daemon.name}/configuration`, daemon.configuration_problems.join('; '), remedy)];
  });
}
