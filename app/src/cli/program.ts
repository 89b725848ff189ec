// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { assert, SesameError } from '../core/errors.ts';
import { printable } from '../core/text.ts';
import { type Inherited, replaceProcess } from '../linux/execute.ts';

/** As a shell has it (POSIX, 2.8.2). */
const notFound = 127;
const notExecutable = 126;

const shell = Buffer.from('/bin/sh');
const slash = 0x2f;
/** Where programs are looked for without PATH, as execvp(3) does. */
const defaultPath = '/bin:/usr/bin';

/** A program with its arguments and all of its environment, as bytes: neither need be UTF-8. */
export interface ProgramCall {
  /** The program's name or path, and its arguments. */
  readonly words: readonly Buffer[];
  /** Each `NAME=value`. */
  readonly environment: readonly Buffer[];
  readonly inherited: Inherited;
}

const causes: Readonly<Record<string, string>> = {
  EACCES: 'this user may not execute it',
  E2BIG: 'its arguments and its environment are longer than the kernel takes (E2BIG)',
  ENOENT: 'the interpreter that it names is missing',
  ENOEXEC: 'it is not a program for this machine',
  ENOMEM: 'there is not enough memory',
  ETXTBSY: 'it is being written to',
};

/**
 * Becomes the program: no Node stays beside it, and signals and its exit code are its own. It is looked for in PATH as execvp(3) does.
 * @throws SesameError program-not-found, program-not-executable
 */
export function becomeProgram(call: ProgramCall): never {
  const [name] = call.words;
  assert(name !== undefined, 'a program is named');
  let refused: string | undefined;
  for (const path of candidates(name, call.environment)) {
    const errno = execute(path, call);
    const absent = (errno === 'ENOENT' && !existsSync(path)) || errno === 'ENOTDIR';
    if (absent) continue;
    refused ??= errno;
    // Another directory may hold one that this user may execute.
    if (errno !== 'EACCES') break;
  }
  const shown = JSON.stringify(printable(name.toString()));
  if (refused === undefined) throw SesameError.of('program-not-found', { name: shown });
  throw SesameError.of('program-not-executable', { name: shown, cause: causes[refused] ?? refused });
}

/** A script that names no interpreter is one for the shell, as for execvp(3). */
function execute(path: Buffer, { words, environment, inherited }: ProgramCall): string {
  const errno = replaceProcess(path, words, environment, inherited);
  if (errno !== 'ENOEXEC') return errno;
  return replaceProcess(shell, [shell, path, ...words.slice(1)], environment, inherited);
}

function candidates(name: Buffer, environment: readonly Buffer[]): Buffer[] {
  if (name.length === 0) return [];
  if (name.includes(slash)) return [name];
  // Latin-1 is the one encoding that gives every byte back.
  const path = environment.find((variable) => variable.subarray(0, 5).equals(Buffer.from('PATH=')));
  const directories = path === undefined ? defaultPath : path.toString('latin1', 5);
  return directories
    .split(':')
    .map((directory) => Buffer.concat([Buffer.from(directory === '' ? './' : `${directory}/`, 'latin1'), name]));
}

/** The exit code that a shell has for an error of `becomeProgram`, or undefined for another error. */
export function shellExitCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof SesameError)) return undefined;
  if (thrown.code === 'program-not-found') return notFound;
  return thrown.code === 'program-not-executable' ? notExecutable : undefined;
}
