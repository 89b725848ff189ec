// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';
import type { Inherited } from '../linux/execute.ts';
import { readBounded } from '../linux/files.ts';

/** The launcher keeps what the caller set for a Node of its own under this prefix, away from the Node that runs sesame. */
const keptPrefix = 'SESAME_CALLER_';

/** What Node changes before anything of ours runs, noted by the launcher. */
const openFilesVariable = 'SESAME_ENTRY_OPEN_FILES';
const ignoredSignalsVariable = 'SESAME_ENTRY_IGNORED_SIGNALS';

/** Far above the quarter of the stack, at most 6 MiB, that the kernel takes (execve(2)). */
const longestTable = 8 * 2 ** 20;

/** What sesame was started with, byte for byte: Node's strings lose what is not UTF-8. */
export interface Caller {
  /** Each `NAME=value`, without what the launcher added. */
  readonly environment: readonly Buffer[];
  readonly inherited: Inherited;
}

/**
 * To be asked before tracing is denied, which closes the environment to this process as well.
 * @throws SesameError file-unreadable
 */
export function readCaller(): Caller {
  const entries = readTable('/proc/self/environ');
  return { environment: callerEnvironment(entries), inherited: readInherited(process.env) };
}

/** The words that this process was started with, the interpreter's included. @throws SesameError file-unreadable */
export function givenWords(): Buffer[] {
  return readTable('/proc/self/cmdline');
}

/** The last arguments of this process, as many as asked for. @throws SesameError file-unreadable */
export function lastArguments(count: number): Buffer[] {
  const words = givenWords();
  assert(words.length > count, 'the command line holds the interpreter and its arguments');
  return words.slice(words.length - count);
}

/** The environment as the caller of sesame had it. */
export function callerEnvironment(entries: readonly Buffer[]): Buffer[] {
  const others = entries.filter((entry) => !startsWith(entry, keptPrefix) && !startsWith(entry, 'SESAME_ENTRY_'));
  const kept = entries.filter((entry) => startsWith(entry, keptPrefix)).map((entry) => entry.subarray(keptPrefix.length));
  return [...others, ...kept];
}

export function readInherited(environment: NodeJS.ProcessEnv): Inherited {
  const openFiles = /^\d{1,10}$/.exec(environment[openFilesVariable] ?? '')?.[0];
  const ignored = /^[0-9a-f]{16}$/.exec(environment[ignoredSignalsVariable] ?? '')?.[0];
  return {
    ...(openFiles === undefined ? {} : { openFiles: Number(openFiles) }),
    ...(ignored === undefined ? {} : { ignoredSignals: BigInt(`0x${ignored}`) }),
  };
}

function readTable(path: string): Buffer[] {
  const bytes = readBounded(path, longestTable);
  if (bytes === undefined) throw SesameError.of('file-unreadable', { path, cause: 'there is no such file; is /proc mounted?' });
  const entries: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    entries.push(bytes.subarray(start, end === -1 ? bytes.length : end));
    start = end === -1 ? bytes.length : end + 1;
  }
  return entries;
}

function startsWith(entry: Buffer, prefix: string): boolean {
  return entry.subarray(0, prefix.length).equals(Buffer.from(prefix));
}
