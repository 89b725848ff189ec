// SPDX-License-Identifier: MIT

/** What stage 0 tells stage 1 about what it has done; see `report.ts`. */
export const reportVariable = 'PDS_SANDBOX';

/**
 * The only variables of its starter that a daemon sees. Everything else could change what Node, glibc or OpenSSL do before the first line
 * of ours runs. The launchers in `bin/` are made from this list.
 */
export const inheritedVariables = [
  'HOME',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'PDS_CONFIG_DIR',
  'PDS_STATE_DIR',
  'PDS_RUNTIME_DIR',
  'PDS_HEARTBEAT_FILE',
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'JOURNAL_STREAM',
] as const;

/** What the launchers set for Node and glibc, and what must not be lost on the way to stage 1. */
export const launcherVariables = ['GLIBC_TUNABLES', 'UV_THREADPOOL_SIZE'] as const;

/** The environment of stage 1, each `NAME=value`. */
export function daemonEnvironment(environment: NodeJS.ProcessEnv, report: string): string[] {
  const kept = [...inheritedVariables, ...launcherVariables].flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [`${name}=${value}`];
  });
  return [...kept, `${reportVariable}=${report}`];
}
