// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';

/** As a shell has it (POSIX, 2.8.2). */
const notFound = 127;
const notExecutable = 126;
const endedBySignal = 128;

const alwaysForwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', 'SIGWINCH'] as const;
/** A terminal sends these to the whole foreground group, the child included: passed on they would arrive twice. */
const sentByTerminal = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a program with our standard streams and returns its exit code; signals are passed on to it. When a signal ends it, the same signal
 * ends this process, so that whoever started it sees what it would have seen without us.
 *
 * `process.execve` would leave no Node beside the child, but it cannot fail: where the system call answers ENOENT, EACCES, ENOEXEC or E2BIG,
 * Node 22 and 24 abort with a stack trace, and no check beforehand is proof.
 * @throws SesameError program-not-found, program-not-executable
 */
export async function runChild(words: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [program = '', ...args] = words;
  const child = spawn(program, args, { env: environment, stdio: 'inherit' });
  const stopForwarding = forwardSignals(child);
  try {
    const { code, signal } = await ending(child);
    if (signal === null) return code ?? notExecutable;
    stopForwarding();
    process.kill(process.pid, signal);
    return endedBySignal + constants.signals[signal];
  } catch (thrown) {
    throw startError(program, thrown);
  }
}

function forwardSignals(child: ChildProcess): () => void {
  const forwarded: NodeJS.Signals[] = [...alwaysForwarded];
  const heldBack: NodeJS.Signals[] = [];
  (hasTerminal() ? heldBack : forwarded).push(...sentByTerminal);
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  const hold = () => undefined;
  for (const signal of forwarded) process.on(signal, forward);
  for (const signal of heldBack) process.on(signal, hold);
  return () => {
    for (const signal of forwarded) process.off(signal, forward);
    for (const signal of heldBack) process.off(signal, hold);
  };
}

/** Whether there is a controlling terminal, whatever the standard streams are. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch (thrown) {
    if (systemErrorCode(thrown) === undefined) throw thrown;
    return false;
  }
}

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function ending(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function startError(program: string, thrown: unknown): SesameError {
  const name = JSON.stringify(program);
  if (systemErrorCode(thrown) === 'ENOENT') return SesameError.of('program-not-found', { name }, thrown);
  return SesameError.of('program-not-executable', { name, cause: describe(thrown) }, thrown);
}

/** The exit code that a shell has for an error of `runChild`, or undefined for another error. */
export function shellExitCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof SesameError)) return undefined;
  if (thrown.code === 'program-not-found') return notFound;
  return thrown.code === 'program-not-executable' ? notExecutable : undefined;
}
