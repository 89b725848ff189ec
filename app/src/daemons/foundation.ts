// SPDX-License-Identifier: MIT
import { staleAccounts } from '../config/accounts.ts';
import type { Configuration } from '../config/configuration.ts';
import type { Diagnostic } from '../config/diagnostics.ts';
import type { KeyPath } from '../config/keys.ts';
import { loadConfiguration } from '../config/load.ts';
import { isLocked } from '../config/locks.ts';
import { type Paths, resolvePaths } from '../config/paths.ts';
import { watchConfiguration } from '../config/watch.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { asSesameError, describe } from '../core/errors.ts';
import { Exit } from '../core/exit.ts';
import type { Logger } from '../core/log.ts';
import type { NoiseSuite } from '../crypto/suite.ts';
import { createLogger, isJournal } from '../linux/logger.ts';
import { type Hardening, hardenProcess } from '../linux/process.ts';
import { openReadiness, type Readiness } from '../linux/readiness.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { openSecretMemory } from '../memory/secret-memory.ts';
import type { DaemonName } from './daemon-name.ts';
import { settleSandbox, tightenSandbox } from './sandbox/daemon.ts';
import type { SandboxReport } from './sandbox/report.ts';

/** How long a stop may take before the process ends anyway, in ms. */
const stopLimitMs = 4_500;

const trimEveryMs = 5_000;

/** What every daemon stands on. */
export interface Foundation {
  readonly name: DaemonName;
  readonly paths: Paths;
  readonly logger: Logger;
  readonly memory: SecretMemory;
  readonly clock: Clock;
  readonly hardening: Hardening;
  readonly sandbox: SandboxReport;
  /** Monotonic ms at the start. */
  readonly startedMs: number;
  /** The configuration in force now. */
  configuration(): Configuration;
  /** Whether policy.toml holds a setting of it against everybody. */
  isLocked(path: KeyPath): boolean;
  /** What is wrong with the configuration files, one line each. */
  configurationProblems(): readonly string[];
  /** Reads the files again now. */
  reload(): void;
}

export interface Service {
  /** A new configuration is in force. */
  reconfigure(configuration: Configuration): void;
  /** Stops accepting, finishes what is under way and wipes. */
  stop(): Promise<void>;
}

/**
 * Runs a daemon until SIGTERM or SIGINT: hardens the process, reads the configuration, starts the service, says it is ready,
 * and on SIGHUP reads the configuration again. Exits 0 after a stop, or with the code of the error that prevented the start.
 */
export async function runDaemon(name: DaemonName, start: (foundation: Foundation) => Promise<Service>): Promise<void> {
  const logger = createLogger({ level: 'info', json: false, name });
  const failed = (thrown: unknown): void => {
    const error = asSesameError(thrown, name);
    logger.error(error.message, { code: error.code });
    process.exit(error.exit);
  };
  process.on('uncaughtException', failed);
  process.on('unhandledRejection', failed);
  try {
    await serve(name, start, logger);
  } catch (thrown) {
    failed(thrown);
  }
}

type StartLogger = ReturnType<typeof createLogger>;

async function serve(name: DaemonName, start: (foundation: Foundation) => Promise<Service>, logger: StartLogger): Promise<void> {
  const hardening = hardenProcess();
  const paths = resolvePaths(process.env, process.getuid?.() ?? 0);
  const loaded = loadConfiguration(paths);
  let { configuration, locks } = loaded;
  let problems = report(logger, loaded.diagnostics);
  configureLogger(logger, configuration);
  const sandbox = settleSandbox({ daemon: name, settings: configuration.global, environment: process.env, logger });

  let service: Service | undefined;
  let running: Running | undefined;
  stopOnSignal(logger, () => running);
  const watcher = watchConfiguration(paths, {
    changed(next) {
      ({ configuration, locks } = next);
      problems = report(logger, next.diagnostics);
      configureLogger(logger, configuration);
      service?.reconfigure(configuration);
      logger.info('the new configuration is in force');
    },
    refused(diagnostics) {
      problems = report(logger, diagnostics);
      logger.error('the new configuration was refused; the one before stays in force', { problems: problems.length });
    },
    logger,
    loaded,
  });

  const memory = openSecretMemory({ logger });
  // Pages are pooled for the next request of a burst; between bursts none is locked but those of the keys.
  setInterval(() => memory.trim(), trimEveryMs).unref();
  service = await start({
    name,
    paths,
    logger,
    memory,
    clock: systemClock,
    hardening,
    sandbox,
    startedMs: systemClock.monotonicMs(),
    configuration: () => configuration,
    isLocked: (path) => isLocked(locks, path),
    configurationProblems: () => [...problems, ...staleAccounts().map(renewAccounts)],
    reload: () => watcher.reload(),
  });
  tightenSandbox(name, sandbox, loaded.configuration.global.tpm.tcti);
  const readiness = openReadiness(logger);
  readiness.ready();
  if (readiness.aliveEveryMs !== undefined) setInterval(() => readiness.alive(), readiness.aliveEveryMs).unref();
  logger.info('ready', { pid: process.pid });
  process.on('SIGHUP', () => watcher.reload());
  running = { service, watcher, readiness };
}

function renewAccounts(path: string): string {
  return `${path} was replaced since the start: accounts are known as they were; restart both daemons`;
}

function configureLogger(logger: StartLogger, { global: { logging } }: Configuration): void {
  logger.configure(logging.level, logging.json, logging.journald && isJournal(process.env));
}

interface Running {
  readonly service: Service;
  readonly watcher: { close(): void };
  readonly readiness: Readiness;
}

/** From the first moment on: a start may wait for a slow TPM, and a handler that comes after it would come too late. */
function stopOnSignal(logger: Logger, running: () => Running | undefined): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    logger.info('stopping', { signal });
    const started = running();
    // Nobody was told that it is ready, so that nobody waits for an answer.
    if (started === undefined) process.exit(Exit.done);
    finish(started, logger);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function finish({ service, watcher, readiness }: Running, logger: Logger): void {
  readiness.stopping();
  watcher.close();
  setTimeout(() => {
    logger.error('the stop took too long; what was under way is cut off', { limit_ms: stopLimitMs });
    process.exit(Exit.unexpected);
  }, stopLimitMs).unref();
  service.stop().then(
    () => process.exit(Exit.done),
    (thrown: unknown) => {
      logger.error('the stop failed', { cause: describe(thrown) });
      process.exit(Exit.unexpected);
    },
  );
}

/** The algorithms of the bus, which both ends must take from the same configuration. */
export function noiseSuite({ crypto }: Configuration): NoiseSuite {
  return { cipher: crypto.noise_cipher, hash: crypto.noise_hash };
}

function report(logger: Logger, diagnostics: readonly Diagnostic[]): readonly string[] {
  return diagnostics
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, file, line, column, problem, remedy }) => {
      const text = `${file}:${line}:${column}: ${problem}; ${remedy}`;
      if (severity === 'error') logger.error(text);
      else logger.warn(text);
      return text;
    });
}
