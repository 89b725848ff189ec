// SPDX-License-Identifier: MIT
import { dirname, join } from 'node:path';
import { loadConfiguration } from '../../config/load.ts';
import { resolvePaths } from '../../config/paths.ts';
import { asSesameError, SesameError } from '../../core/errors.ts';
import { replaceProcess } from '../../linux/execute.ts';
import { setsid } from '../../linux/libc.ts';
import { createLogger } from '../../linux/logger.ts';
import { hardenProcess } from '../../linux/process.ts';
import { type DaemonName, daemonNames } from '../daemon-name.ts';
import { confine } from './confine.ts';
import { daemonEnvironment } from './environment.ts';
import { serialiseReport, switchedOff } from './report.ts';

// Stage 0 of a daemon: `sandbox NAME [FLAG…]` gives up what NAME does not need and becomes NAME, run by Node with the flags. Everything in it is synchronous, so that there is
// nothing to lose when the process is replaced.

function start(daemon: DaemonName, flags: readonly string[]): never {
  hardenProcess();
  // Its own session, without the terminal of whoever started it. Refused to the leader of a group: a shell's job, which keeps its Ctrl-C.
  setsid();
  const paths = resolvePaths(process.env, process.getuid?.() ?? 0);
  const { configuration } = loadConfiguration(paths);
  const program = join(dirname(process.argv[1] ?? ''), `${daemon}.cjs`);
  const report = configuration.global.sandbox.enabled
    ? confine({ daemon, paths, configuration, environment: process.env, program })
    : switchedOff;
  const words = [process.execPath, ...process.execArgv, ...flags, program].map((word) => Buffer.from(word));
  const environment = daemonEnvironment(process.env, serialiseReport(report)).map((variable) => Buffer.from(variable));
  const errno = replaceProcess(Buffer.from(process.execPath), words, environment);
  throw SesameError.of('program-not-executable', { name: program, cause: `${process.execPath} cannot be started: ${errno}` });
}

function run(name: string | undefined, flags: readonly string[]): void {
  const daemon = daemonNames.find((known) => known === name);
  if (daemon === undefined) {
    process.stderr.write(`usage: sandbox ${daemonNames.join('|')} [NODE-FLAG…]\n`);
    process.exit(2);
  }
  try {
    start(daemon, flags);
  } catch (thrown) {
    const error = asSesameError(thrown, daemon);
    createLogger({ level: 'info', json: false, name: daemon }).error(error.message, { code: error.code });
    process.exit(error.exit);
  }
}

run(process.argv[2], process.argv.slice(3));
