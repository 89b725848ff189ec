// SPDX-License-Identifier: MIT
import { constants, readdirSync, readFileSync } from 'node:fs';
import { assert } from '../core/errors.ts';
import { withForeignMemory } from './foreign-memory.ts';
import { errnoName, execve, fcntl, signal } from './libc.ts';
import { Resource, setSoftLimit } from './limits.ts';

// fcntl(2), the same on x86_64 and aarch64.
const setDescriptorFlags = 2;
const getStatusFlags = 3;
const setStatusFlags = 4;
const closeOnExec = 1;
const nonBlocking = constants.O_NONBLOCK;

const defaultAction = 0n;
const ignored = 1n;

const pointerLength = 8;
const lastStandardStream = 2;

/** What Node changes at its start and an exec hands on; as it was when this process was started. Absent when nobody knows. */
export interface Inherited {
  /** Signals that were ignored, bit N - 1 for signal N, as SigIgn in proc_pid_status(5). Without it none was. */
  readonly ignoredSignals?: bigint;
  /** The soft limit of RLIMIT_NOFILE, which Node raises to the hard one. */
  readonly openFiles?: number;
}

/**
 * execve(2): this process becomes another program. `process.execve` aborts the process where the system call fails, takes only strings,
 * which stay on the heap, and hands on that Node ignores SIGPIPE.
 *
 * Of the descriptors only 0, 1 and 2 stay open, blocking as programs expect them. The strings are put together in a mapping of their
 * own, which is wiped after a failure.
 * @param argv without NUL bytes, as the environment
 * @param environment each `NAME=value`
 * @returns only when it failed, the name of the errno: ENOENT, EACCES, ENOEXEC, E2BIG, …
 */
export function replaceProcess(
  path: Uint8Array,
  argv: readonly Uint8Array[],
  environment: readonly Uint8Array[],
  inherited: Inherited = {},
): string {
  keepStandardStreamsOnly();
  const restoreSignals = resetIgnoredSignals(inherited.ignoredSignals ?? 0n);
  const raised = inherited.openFiles === undefined ? undefined : setSoftLimit(Resource.openFiles, inherited.openFiles);
  try {
    return errnoName(execute(path, argv, environment));
  } finally {
    if (raised !== undefined) setSoftLimit(Resource.openFiles, raised);
    restoreSignals();
  }
}

function execute(path: Uint8Array, argv: readonly Uint8Array[], environment: readonly Uint8Array[]): number {
  const strings = [path, ...argv, ...environment];
  const tablesLength = (argv.length + 1 + environment.length + 1) * pointerLength;
  const length = strings.reduce((sum, text) => sum + text.length + 1, tablesLength);
  return withForeignMemory(
    length,
    (start, block) => {
      const [pathAddress = 0n, ...addresses] = writeStrings(block, start, tablesLength, strings);
      const argvEnd = writeTable(block, 0, addresses.slice(0, argv.length));
      writeTable(block, argvEnd, addresses.slice(argv.length));
      return execve(pathAddress, start, start + BigInt(argvEnd));
    },
    (errno) => errno,
  );
}

/** @returns where each string starts */
function writeStrings(block: Buffer, base: bigint, start: number, strings: readonly Uint8Array[]): bigint[] {
  let end = start;
  return strings.map((text) => {
    assert(!text.includes(0), 'a string for execve has no NUL byte');
    const address = base + BigInt(end);
    block.set(text, end);
    end += text.length + 1;
    return address;
  });
}

/** The mapping is zero: a table ends by being followed by nothing. @returns where the next one may start */
function writeTable(block: Buffer, start: number, addresses: readonly bigint[]): number {
  const end = addresses.reduce((offset, address) => block.writeBigUInt64LE(address, offset), start);
  return end + pointerLength;
}

/** Node marks what it opens close-on-exec, but not everything that it was given. What is closed already gives EBADF. */
function keepStandardStreamsOnly(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    fcntl(descriptor, setDescriptorFlags, descriptor <= lastStandardStream ? 0 : closeOnExec);
    if (descriptor <= lastStandardStream) makeBlocking(descriptor);
  }
}

/** A stream of Node's, such as the one that a warning of its own goes to, has made it non-blocking. */
function makeBlocking(descriptor: number): void {
  const { value: flags } = fcntl(descriptor, getStatusFlags, 0);
  if ((flags & nonBlocking) !== 0) fcntl(descriptor, setStatusFlags, flags & ~nonBlocking);
}

/**
 * Handlers are gone after an exec, but what is ignored stays so: Node ignores SIGPIPE and SIGXFSZ, and stops ignoring what its caller had
 * it ignore (nohup(1)).
 * @returns undoes it
 */
function resetIgnoredSignals(wanted: bigint): () => void {
  const before: (readonly [number, bigint])[] = [];
  const present = ignoredSignals();
  for (let number = 1; number <= 31; number += 1) {
    const bit = 1n << BigInt(number - 1);
    if ((present & bit) === (wanted & bit)) continue;
    before.push([number, signal(number, (wanted & bit) === 0n ? defaultAction : ignored)]);
  }
  return () => {
    for (const [number, handler] of before) signal(number, handler);
  };
}

function ignoredSignals(): bigint {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  assert(mask !== undefined, 'the kernel shows which signals are ignored');
  return BigInt(`0x${mask}`);
}
