// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ModuleOptions {
  /** Programs that start the next one, such as prlimit(1). */
  readonly through?: readonly string[];
  readonly nodeFlags?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** After which the program is ended; a minute when absent. */
  readonly timeoutMs?: number;
}

/**
 * Runs the text of an ES module in a Node of its own, for what would end or change the process of the test.
 * Give its imports absolute: `import.meta.resolve` makes them so.
 */
export function runModule(source: string, options: ModuleOptions = {}): Ended {
  const node = [
    process.execPath,
    ...(options.nodeFlags ?? []),
    '--disable-warning=ExperimentalWarning',
    '--input-type=module',
    '--eval',
    source,
  ];
  const [program = '', ...words] = [...(options.through ?? []), ...node];
  const { status, signal, stdout, stderr } = spawnSync(program, words, {
    encoding: 'utf8',
    env: options.environment ?? process.env,
    timeout: options.timeoutMs ?? 60_000,
  });
  return { status, signal, stdout, stderr };
}

/** Programs that give the next one a limit of locked memory, root's exemption (CAP_IPC_LOCK) dropped. */
export function withLockLimit(bytes: number): string[] {
  const limit = ['prlimit', `--memlock=${bytes}:${bytes}`];
  return process.getuid?.() === 0 ? [...limit, 'setpriv', '--bounding-set=-ipc_lock'] : limit;
}
