// SPDX-License-Identifier: MIT
import { constants } from 'node:fs';
import { DataType, load, open } from 'ffi-rs';
import { assert } from '../../../src/core/errors.ts';

// What a daemon under an attacker's control would try. Each is a plain call of the C library, so that nothing of Node stands in between.

/** What the tries are aimed at; made by the test. */
export interface Targets {
  /** A file that everybody may read. */
  readonly readable: string;
  /** A file that the daemon's user may write. */
  readonly writable: string;
  /** A directory that the daemon's user may write. */
  readonly directory: string;
  /** An empty directory. */
  readonly mountPoint: string;
  /** A process of the daemon's user. */
  readonly pid: number;
  /** Name of an abstract socket that somebody listens on. */
  readonly abstractSocket: string;
}

export interface Outcome {
  /** 0: it succeeded. */
  readonly errno: number;
}

type Thread = 'caller' | 'pool';
type Value = number | Buffer;

const { I32, I64, U8Array } = DataType;

/** O_WRONLY | O_CREAT, of fcntl.h. */
const writeNew = 0o101;

open({ library: 'libc', path: '' });

async function call(thread: Thread, funcName: string, values: readonly Value[]): Promise<Outcome & { readonly value: number }> {
  const called = await load({
    library: 'libc',
    funcName,
    retType: I32,
    paramsType: values.map((value) => (typeof value === 'number' ? I64 : U8Array)),
    paramsValue: [...values],
    errno: true,
    runInNewThread: thread === 'pool',
  });
  assert(typeof called === 'object', 'with errno, the answer is an object');
  const { value, errnoCode } = called;
  return { value, errno: value === -1 ? errnoCode : 0 };
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function unixAddress(name: string): Buffer {
  return Buffer.concat([Buffer.from([1, 0, 0]), Buffer.from(name)]);
}

/** Numbers of the system calls without a function in every C library. */
const numbers = {
  x64: { finit_module: 313, bpf: 321, userfaultfd: 323, kexec_load: 246, keyctl: 250, memfd_create: 319, pivot_root: 155 },
  arm64: { finit_module: 273, bpf: 280, userfaultfd: 282, kexec_load: 104, keyctl: 219, memfd_create: 279, pivot_root: 41 },
} as const;
const ioUringSetup = 425;
const numbered = process.arch === 'arm64' ? numbers.arm64 : numbers.x64;

const attach = 16;
const detach = 17;
/** __WALL */
const waitForAll = 0x4000_0000;
const newMountNamespace = 0x0002_0000;
const newHostNamespace = 0x0400_0000;

type Try = (thread: Thread, targets: Targets) => Promise<Outcome>;

const system =
  (name: string, ...values: readonly Value[]): Try =>
  (thread) =>
    call(thread, name, values);

const socket = (domain: number, type: number, protocol = 0): Try => system('socket', domain, type, protocol);

/** By name; each is refused to a daemon. */
export const tries: Readonly<Record<string, Try>> = {
  'read a file': (thread, { readable }) => call(thread, 'open', [text(readable), 0]),
  'write a file': (thread, { writable }) => call(thread, 'open', [text(writable), 1]),
  'shorten a file': (thread, { writable }) => call(thread, 'truncate', [text(writable), 0]),
  'make a file': (thread, { directory }) => call(thread, 'open', [text(`${directory}/made-${Math.random()}`), writeNew, 0o600]),
  'remove a file': async (thread, { directory }) => {
    const { errno } = await call(thread, 'open', [text(`${directory}/removed`), writeNew, 0o600]);
    return errno === 0 ? await call(thread, 'unlink', [text(`${directory}/removed`)]) : { errno };
  },
  'list a directory': (thread, { directory }) => call(thread, 'open', [text(directory), constants.O_DIRECTORY]),
  // system(3) answers -1 without a process and 127 without a shell.
  'execute a program': async (thread) => {
    const { value, errno } = await call(thread, 'system', [text('exit 0')]);
    return { errno: value === 0 ? 0 : errno === 0 ? 13 : errno };
  },
  'socket: IPv4': socket(2, 1),
  'socket: IPv6': socket(10, 2),
  'socket: netlink': socket(16, 3),
  'socket: packet': socket(17, 3),
  'socket: crypto': socket(38, 5),
  'socket: virtual machine': socket(40, 1),
  'connect to an abstract socket': async (thread, { abstractSocket }) => {
    const { value, errno } = await call(thread, 'socket', [1, 1, 0]);
    if (errno !== 0) return { errno };
    const address = unixAddress(abstractSocket);
    const outcome = await call(thread, 'connect', [value, address, address.length]);
    await call(thread, 'close', [value]);
    return outcome;
  },
  'signal a process': (thread, { pid }) => call(thread, 'kill', [pid, 0]),
  ptrace: async (thread, { pid }) => {
    const outcome = await call(thread, 'ptrace', [attach, pid, 0, 0]);
    if (outcome.errno !== 0) return outcome;
    await call(thread, 'waitpid', [pid, 0, waitForAll]);
    await call(thread, 'ptrace', [detach, pid, 0, 0]);
    return outcome;
  },
  'read memory of a process': async (thread, { pid }) => {
    const outcome = await call(thread, 'process_vm_readv', [pid, Buffer.alloc(16), 0, Buffer.alloc(16), 0, 0]);
    return outcome;
  },
  mount: (thread, { mountPoint }) => call(thread, 'mount', [text('none'), text(mountPoint), text('tmpfs'), 0, 0]),
  'change the root': system('chroot', text('/')),
  'load a kernel module': system('syscall', numbered.finit_module, -1, text(''), 0),
  'load a kernel': system('syscall', numbered.kexec_load, 0, 0, 0, 0xffff),
  bpf: system('syscall', numbered.bpf, 0, Buffer.alloc(64), 0),
  userfaultfd: system('syscall', numbered.userfaultfd, 1),
  'keys of the kernel': system('syscall', numbered.keyctl, 0, -3, 0),
  'a file in memory': system('syscall', numbered.memfd_create, text('name'), 0),
  io_uring: system('syscall', ioUringSetup, 1, Buffer.alloc(120)),
  'a mount namespace': system('unshare', newMountNamespace),
  'a host name namespace': system('unshare', newHostNamespace),
};

/** Every try on a thread, one after the other: 0, or the errno. */
export async function runTries(thread: Thread, targets: Targets): Promise<Record<string, number>> {
  const { value: own } = await call('caller', 'gettid', []);
  const { value: other } = await call(thread, 'gettid', []);
  // A daemon in its sandbox may not even ask.
  assert(own === -1 || (own === other) === (thread === 'caller'), 'a thread of the pool is another one than the main thread');
  const outcomes: Record<string, number> = {};
  for (const [name, attempt] of Object.entries(tries)) outcomes[name] = (await attempt(thread, targets)).errno;
  return outcomes;
}
