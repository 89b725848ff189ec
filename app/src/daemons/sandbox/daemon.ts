// SPDX-License-Identifier: MIT
import type { Configuration } from '../../config/configuration.ts';
import { assert, SesameError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { describeErrno } from '../../linux/libc.ts';
import { uncovered } from '../../linux/sandbox-support.ts';
import type { DaemonName } from '../daemon-name.ts';
import { isEmulated } from './emulated-tpm.ts';
import { reportVariable } from './environment.ts';
import { filterCalls } from './filter.ts';
import { confirmReport, mechanisms, type SandboxReport } from './report.ts';

interface SandboxOptions {
  readonly daemon: DaemonName;
  readonly settings: Configuration['global'];
  readonly environment: NodeJS.ProcessEnv;
  readonly logger: Logger;
}

/**
 * What of the sandbox holds in this daemon, said aloud where something is missing.
 * @throws SesameError sandbox-missing when the configuration requires what is missing
 */
export function settleSandbox({ daemon, settings, environment, logger }: SandboxOptions): SandboxReport {
  const report = confirmReport(environment[reportVariable], settings.sandbox.enabled, daemon);
  for (const mechanism of mechanisms) {
    const { state, cause = 'it is switched off', remedy = 'write global.sandbox.enabled = true and restart' } = report[mechanism];
    if (state === 'enforced') continue;
    if (settings.sandbox.require.includes(mechanism))
      throw SesameError.of('sandbox-missing', { daemon, mechanism, cause, remedy });
    if (state === 'missing') logger.error(`${daemon} is not confined by ${mechanism}: ${cause}; ${remedy}`);
    else logger.warn(`${daemon} is not confined by ${mechanism}: ${cause}`);
  }
  const gap = report.landlock.abi === undefined ? undefined : uncovered(report.landlock.abi);
  if (gap !== undefined) logger.warn(`${gap.cause}; ${gap.remedy}`);
  if (daemon === 'daemon-secrets' && report.seccomp.state === 'enforced' && isEmulated(settings.tpm.tcti))
    logger.warn('the network is open to daemon-secrets, for the TPM emulator of global.tpm.tcti; name a device there');
  return report;
}

/** Takes away what only the start needed: becoming another program, above all. */
export function tightenSandbox(daemon: DaemonName, { seccomp }: SandboxReport, tcti: string): void {
  if (seccomp.state !== 'enforced') return;
  const errno = filterCalls({ daemon, phase: 'ready', emulatedTpm: isEmulated(tcti), pid: process.pid });
  assert(errno === 0, `a second filter is refused: ${describeErrno(errno)}`);
}
