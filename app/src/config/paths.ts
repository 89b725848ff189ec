// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { SesameError } from '../core/errors.ts';

/** Where everything is; FORMATS, "Directories". */
export interface Paths {
  /** Read-only in an image. */
  readonly configuration: string;
  readonly state: string;
  /** Gone after a reboot. */
  readonly runtime: string;
  /** `system`: a service for everybody on the machine. `user`: one person's own. */
  readonly mode: 'system' | 'user';
  /** Configuration that holds below the user's own; absent when there is none but `configuration`. */
  readonly systemConfiguration: string | undefined;
  /** Where the bus of the system is, for a user who has none; absent where PDS_RUNTIME_DIR says which bus is meant. */
  readonly systemRuntime?: string | undefined;
}

const systemConfiguration = '/etc/pds';
const systemState = '/var/lib/pds';
const systemRuntime = '/run/pds';

/**
 * The directories of a daemon or a command. Root, and whoever has no session of their own (no XDG_RUNTIME_DIR: service users,
 * a login on OpenRC), use those of the system. PDS_CONFIG_DIR, PDS_STATE_DIR and PDS_RUNTIME_DIR override each.
 * @throws SesameError usage when an override is not an absolute path
 */
export function resolvePaths(environment: NodeJS.ProcessEnv, uid: number): Paths {
  const runtimeHome = absolute(environment['XDG_RUNTIME_DIR']);
  const home = absolute(environment['HOME']);
  const configurationHome = absolute(environment['XDG_CONFIG_HOME']) ?? (home && join(home, '.config'));
  const own =
    uid !== 0 && runtimeHome !== undefined && configurationHome !== undefined ? join(configurationHome, 'pds') : undefined;
  const configuration = overrideOf(environment, 'PDS_CONFIG_DIR');
  const runtime = overrideOf(environment, 'PDS_RUNTIME_DIR');
  return {
    configuration: configuration ?? own ?? systemConfiguration,
    state: overrideOf(environment, 'PDS_STATE_DIR') ?? own ?? systemState,
    runtime: runtime ?? (own && runtimeHome ? join(runtimeHome, 'pds') : systemRuntime),
    mode: own === undefined ? 'system' : 'user',
    systemConfiguration: configuration === undefined && own !== undefined ? systemConfiguration : undefined,
    systemRuntime: runtime === undefined && own !== undefined ? systemRuntime : undefined,
  };
}

/** Where a command looks for the bus: the user's own, or the system's when the user has none. */
export function resolveBusDirectory({ runtime, systemRuntime: fallback }: Paths): string {
  if (fallback === undefined || hasBus(runtime)) return runtime;
  return hasBus(fallback) ? fallback : runtime;
}

function hasBus(directory: string): boolean {
  return existsSync(join(directory, 'bus.sock'));
}

function overrideOf(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = environment[name];
  if (value === undefined || value === '') return undefined;
  if (!isAbsolute(value))
    throw SesameError.of('usage', { problem: `${name} is the relative path ${value}; give an absolute one`, command: 'sesame' });
  return value;
}

/** XDG Base Directory Specification: a relative path in one of its variables is to be ignored. */
function absolute(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}
