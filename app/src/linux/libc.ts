// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { createExternalBuffer, DataType, define, type JsExternal, open } from 'ffi-rs';
import { assert } from '../core/errors.ts';

// Every declaration of a C function stands here. The empty path reaches the libc that the Node binary itself is linked with.
open({ library: 'libc', path: '' });

function declare<Return extends DataType>(retType: Return, ...paramsType: DataType[]) {
  return { library: 'libc', retType, paramsType, errno: true as const };
}

const { I32, I64, BigInt: Address, U8Array, External } = DataType;

const libc = define({
  capget: declare(I32, U8Array, U8Array),
  capset: declare(I32, U8Array, U8Array),
  clock_gettime: declare(I32, I32, U8Array),
  close: declare(I32, I32),
  connect: declare(I32, I32, U8Array, I32),
  execve: declare(I32, Address, Address, Address),
  fcntl: declare(I32, I32, I32, I32),
  flock: declare(I32, I32, I32),
  ftruncate: declare(I32, I32, I64),
  getpeername: declare(I32, I32, U8Array, U8Array),
  getrlimit: declare(I32, I32, U8Array),
  getsockopt: declare(I32, I32, I32, I32, U8Array, U8Array),
  ioctl: declare(I32, I32, I64, U8Array),
  isatty: declare(I32, I32),
  madvise: declare(I32, Address, I64, I32),
  malloc_usable_size: declare(I64, Address),
  memcpy: declare(External, U8Array, Address, I64),
  memmem: declare(Address, Address, I64, U8Array, I64),
  memset: declare(External, Address, I32, I64),
  mlock: declare(I32, Address, I64),
  mmap: declare(Address, Address, I64, I32, I32, I32, I64),
  mprotect: declare(I32, Address, I64, I32),
  munmap: declare(I32, Address, I64),
  poll: declare(I32, U8Array, I64, I32),
  prctl: declare(I32, I32, I64, I64, I64, I64),
  read: declare(I64, I32, Address, I64),
  sendto: declare(I64, I32, U8Array, I64, I32, U8Array, I32),
  setrlimit: declare(I32, I32, U8Array),
  setsockopt: declare(I32, I32, I32, I32, U8Array, I32),
  setsid: declare(I32),
  signal: declare(Address, I32, Address),
  socket: declare(I32, I32, I32, I32),
  syscall: declare(I64, I64, I64, I64, I64, I64),
  sysconf: declare(I64, I32),
});

// syscall(2) takes what the system call takes: one shape for each that has no function of its own.
const withAddress = define({ syscall: declare(I64, I64, I64, I64, Address) });
const withStructure = define({ syscall: declare(I64, I64, U8Array, I64, I64) });
const withStructureThird = define({ syscall: declare(I64, I64, I64, I64, U8Array, I64) });

/** What a C function answered. `errno` is 0 when it succeeded and otherwise as errno(3) has it; the value means nothing then. */
export interface Outcome<Value = number> {
  readonly value: Value;
  readonly errno: number;
}

// errno is only written on failure, so what ffi-rs reports beside a success is left over from something earlier.
function outcome(result: { value: number; errnoCode: number }): Outcome {
  return { value: result.value, errno: result.value === -1 ? result.errnoCode : 0 };
}

/** The name of an errno, as in "ENOSYS". */
export function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
}

/** The name and meaning of an errno, as in "ENOSYS: function not implemented". */
export function describeErrno(errno: number): string {
  const [name, meaning] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown'];
  return `${name}: ${meaning}`;
}

/**
 * For calls that can only fail by a mistake of ours. What an errno means is asked for after a failure alone: Node makes the table anew
 * each time, which takes longer than the call.
 * @param call what was called, as in "munmap"
 * @throws AssertionError
 */
export function requireSuccess(errno: number, call: string): void {
  if (errno !== 0) assert(false, `${call} answers: ${describeErrno(errno)}`);
}

/** mmap(2). The address is 0n when it failed. */
export function mmap(
  address: bigint,
  length: number,
  protection: number,
  flags: number,
  descriptor: number,
  offset: number,
): Outcome<bigint> {
  const result = libc.mmap([address, length, protection, flags, descriptor, offset]);
  const mapped = result.value.valueOf();
  return mapped === -1n ? { value: 0n, errno: result.errnoCode } : { value: mapped, errno: 0 };
}

/** munmap(2). */
export function munmap(address: bigint, length: number): Outcome {
  return outcome(libc.munmap([address, length]));
}

/** mprotect(2). */
export function mprotect(address: bigint, length: number, protection: number): Outcome {
  return outcome(libc.mprotect([address, length, protection]));
}

/** madvise(2). */
export function madvise(address: bigint, length: number, advice: number): Outcome {
  return outcome(libc.madvise([address, length, advice]));
}

/** mlock(2). It reads the pages in, so a later touch cannot fail. */
export function mlock(address: bigint, length: number): Outcome {
  return outcome(libc.mlock([address, length]));
}

/** read(2) into foreign memory. The kernel does the touching, so memory that cannot be had gives EFAULT instead of SIGBUS. */
export function readInto(descriptor: number, address: bigint, length: number): Outcome {
  return outcome(libc.read([descriptor, address, length]));
}

/** A pointer that `bufferOver` understands. The memory is neither touched nor owned by it. */
export function pointerTo(address: bigint): JsExternal {
  return libc.memset([address, 0, 0]).value;
}

/** A Buffer that is the foreign memory itself, not a copy. Detach it before the memory goes. */
export function bufferOver(pointer: JsExternal, length: number): Buffer {
  return createExternalBuffer(pointer, length);
}

export type { JsExternal as Pointer };

/** memcpy(3) out of foreign memory: as many bytes as the target has. */
export function copyFrom(address: bigint, target: Buffer): void {
  libc.memcpy([target, address, target.length]);
}

/** Overwrites foreign memory with zeros. */
export function wipeMemory(address: bigint, length: number): void {
  libc.memset([address, 0, length]);
}

/**
 * Overwrites every copy of the bytes in a block that malloc(3) gave out.
 * @param address of the block, as malloc returned it
 * @returns how many there were
 */
export function wipeCopies(address: bigint, bytes: Buffer): number {
  const end = address + BigInt(libc.malloc_usable_size([address]).value);
  let copies = 0;
  for (;;) {
    const found = libc.memmem([address, Number(end - address), bytes, bytes.length]).value.valueOf();
    if (found === 0n) return copies;
    wipeMemory(found, bytes.length);
    copies += 1;
  }
}

/** poll(2) without waiting. */
export function isReadable(descriptor: number): boolean {
  const pollIn = 0x001;
  const request = Buffer.alloc(8);
  request.writeInt32LE(descriptor);
  request.writeInt16LE(pollIn, 4);
  return libc.poll([request, 1, 0]).value === 1;
}

/** memfd_secret(2), close-on-exec; the same number on x86_64 and aarch64. The value is a file descriptor. */
export function memfdSecret(): Outcome {
  const memfdSecretNumber = 447;
  const closeOnExec = 0o2000000;
  return outcome(libc.syscall([memfdSecretNumber, closeOnExec, 0, 0, 0]));
}

/** pidfd_open(2), since Linux 5.3, close-on-exec; the same number on x86_64 and aarch64. The value is a file descriptor. */
export function pidfdOpen(pid: number): Outcome {
  const pidfdOpenNumber = 434;
  return outcome(libc.syscall([pidfdOpenNumber, pid, 0, 0, 0]));
}

/** pidfd_send_signal(2), since Linux 5.1, without further information; signal 0 only asks whether the process is there. */
export function pidfdSendSignal(descriptor: number, signalNumber: number): Outcome {
  const pidfdSendSignalNumber = 424;
  return outcome(libc.syscall([pidfdSendSignalNumber, descriptor, signalNumber, 0, 0]));
}

const seccompNumbers: Readonly<Record<string, number>> = { x64: 317, arm64: 277 };

/** seccomp(2); ENOSYS where its number is not known here. */
export function seccomp(operation: number, flags: number, address: bigint): Outcome {
  const number = seccompNumbers[process.arch];
  if (number === undefined) return { value: -1, errno: constants.errno.ENOSYS };
  return outcome(withAddress.syscall([number, operation, flags, address]));
}

// The same numbers on every architecture.
const landlockCreateRulesetNumber = 444;
const landlockAddRuleNumber = 445;
const landlockRestrictSelfNumber = 446;

/** landlock_create_ruleset(2) as it is asked for its version. */
export function landlockVersion(): Outcome {
  const versionFlag = 1n;
  return outcome(withAddress.syscall([landlockCreateRulesetNumber, 0, 0, versionFlag]));
}

/** landlock_create_ruleset(2); `attributes` is a struct landlock_ruleset_attr. The value is a file descriptor. */
export function landlockCreateRuleset(attributes: Buffer): Outcome {
  return outcome(withStructure.syscall([landlockCreateRulesetNumber, attributes, attributes.length, 0]));
}

/** landlock_add_rule(2); `attributes` is a struct landlock_path_beneath_attr. */
export function landlockAddRule(ruleset: number, attributes: Buffer): Outcome {
  const pathBeneath = 1;
  return outcome(withStructureThird.syscall([landlockAddRuleNumber, ruleset, pathBeneath, attributes, 0]));
}

/** landlock_restrict_self(2), of the calling thread. */
export function landlockRestrictSelf(ruleset: number): Outcome {
  const noFlags = 0;
  return outcome(withAddress.syscall([landlockRestrictSelfNumber, ruleset, noFlags, 0n]));
}

/** setsid(2). */
export function setsid(): Outcome {
  return outcome(libc.setsid([]));
}

/** ftruncate(2). */
export function ftruncate(descriptor: number, length: number): Outcome {
  return outcome(libc.ftruncate([descriptor, length]));
}

/** close(2), for descriptors that Node did not open. */
export function close(descriptor: number): Outcome {
  return outcome(libc.close([descriptor]));
}

/**
 * execve(2); the arguments are addresses of a NUL-terminated path and of two NULL-terminated tables of such strings. It returns only
 * when it failed.
 * @returns errno
 */
export function execve(path: bigint, argv: bigint, environment: bigint): number {
  return libc.execve([path, argv, environment]).errnoCode;
}

/** fcntl(2) with an integer argument. */
export function fcntl(descriptor: number, command: number, argument: number): Outcome {
  return outcome(libc.fcntl([descriptor, command, argument]));
}

/**
 * signal(2). A handler is an address, or 0n for SIG_DFL and 1n for SIG_IGN.
 * @returns the handler before
 */
export function signal(number: number, handler: bigint): bigint {
  return libc.signal([number, handler]).value.valueOf();
}

/** flock(2). */
export function flock(descriptor: number, operation: number): Outcome {
  return outcome(libc.flock([descriptor, operation]));
}

/** capget(2); `header` is a struct __user_cap_header_struct, `data` two of struct __user_cap_data_struct. */
export function capget(header: Buffer, data: Buffer): Outcome {
  return outcome(libc.capget([header, data]));
}

/** capset(2), of the calling thread; arguments as for `capget`. */
export function capset(header: Buffer, data: Buffer): Outcome {
  return outcome(libc.capset([header, data]));
}

/** prctl(2) with one argument. */
export function prctl(option: number, argument: number): Outcome {
  return outcome(libc.prctl([option, argument, 0, 0, 0]));
}

/** getrlimit(2); `limits` is a struct rlimit of 16 bytes. */
export function getrlimit(resource: number, limits: Buffer): Outcome {
  return outcome(libc.getrlimit([resource, limits]));
}

/** setrlimit(2); `limits` is a struct rlimit of 16 bytes. */
export function setrlimit(resource: number, limits: Buffer): Outcome {
  return outcome(libc.setrlimit([resource, limits]));
}

/** clock_gettime(2); `time` is a struct timespec of 16 bytes. */
export function clockGettime(clock: number, time: Buffer): Outcome {
  return outcome(libc.clock_gettime([clock, time]));
}

/** getsockopt(2); `length` is a socklen_t of 4 bytes, in and out. */
export function getsockopt(descriptor: number, level: number, option: number, value: Buffer, length: Buffer): Outcome {
  return outcome(libc.getsockopt([descriptor, level, option, value, length]));
}

/** getpeername(2); `length` is a socklen_t of 4 bytes, in and out. */
export function getpeername(descriptor: number, address: Buffer, length: Buffer): Outcome {
  return outcome(libc.getpeername([descriptor, address, length]));
}

/** ioctl(2) with a pointer to a structure. */
export function ioctl(descriptor: number, request: number, structure: Buffer): Outcome {
  return outcome(libc.ioctl([descriptor, request, structure]));
}

/** isatty(3). */
export function isatty(descriptor: number): boolean {
  return libc.isatty([descriptor]).value === 1;
}

/** setsockopt(2). */
export function setsockopt(descriptor: number, level: number, option: number, value: Buffer): Outcome {
  return outcome(libc.setsockopt([descriptor, level, option, value, value.length]));
}

/** socket(2). */
export function socket(domain: number, type: number, protocol: number): Outcome {
  return outcome(libc.socket([domain, type, protocol]));
}

/** connect(2); `address` is a struct sockaddr as long as it is meant. */
export function connect(descriptor: number, address: Buffer): Outcome {
  return outcome(libc.connect([descriptor, address, address.length]));
}

/** sendto(2); `address` is a struct sockaddr as long as it is meant. */
export function sendto(descriptor: number, data: Buffer, flags: number, address: Buffer): Outcome {
  return outcome(libc.sendto([descriptor, data, data.length, flags, address, address.length]));
}

/** The size of a memory page in bytes: 4096 on most kernels, 16384 or 65536 on some for arm64. */
export function pageSize(): number {
  const scPageSize = 30;
  return libc.sysconf([scPageSize]).value;
}
