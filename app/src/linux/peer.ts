// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { SesameError } from '../core/errors.ts';
import { close, getpeername, getsockopt, pidfdOpen, pidfdSendSignal, requireSuccess } from './libc.ts';
import { serviceUnit } from './unit.ts';

// asm-generic/socket.h, the same on x86_64 and aarch64.
const solSocket = 1;
const soPeerCred = 17;
const soPeerGroups = 59;
const soPeerPidfd = 77;

const { ENOPROTOOPT, EPERM, ERANGE } = constants.errno;

/** Who is at the other end of a Unix socket, as the kernel noted it when the connection was made. */
export interface PeerCredentials {
  /** 0 when the peer lives in another PID namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Asks the kernel with SO_PEERCRED and SO_PEERGROUPS (unix(7), socket(7)).
 * @param socket a connected Unix stream socket
 * @throws SesameError connection-closed when it is closed already
 */
export function peerCredentials(socket: Socket): PeerCredentials {
  return descriptorCredentials(socketDescriptor(socket));
}

/** The same for a socket that is not Node's. */
export function descriptorCredentials(descriptor: number): PeerCredentials {
  const credentials = Buffer.alloc(12); // struct ucred: pid, uid, gid
  const { errno } = socketOption(descriptor, soPeerCred, credentials);
  requireSuccess(errno, 'SO_PEERCRED');
  return {
    pid: credentials.readInt32LE(0),
    uid: credentials.readUInt32LE(4),
    gid: credentials.readUInt32LE(8),
    groups: peerGroups(descriptor),
  };
}

/**
 * The service of the process at the other end, by its cgroup. The kernel's hold on that very process (SO_PEERPIDFD) proves that its number
 * had not become another's when the cgroup was read. Kernels before 6.5 have only the number: a process that is gone and whose number
 * was given away between its connection and this call would be mistaken for the new one.
 * @returns undefined for a process of no service, and for one that is gone
 * @throws SesameError connection-closed when the socket is closed already
 */
export function peerUnit(socket: Socket): string | undefined {
  const descriptor = socketDescriptor(socket);
  const { pid } = descriptorCredentials(descriptor);
  const process_ = peerProcess(descriptor, pid);
  if (process_ === undefined) return undefined;
  try {
    const unit = serviceUnit(pid);
    return isThere(process_) ? unit : undefined;
  } finally {
    close(process_);
  }
}

/** A process of another user, or beyond a sandbox, may not be signalled; that is only said of one that is there. */
function isThere(process_: number): boolean {
  const { errno } = pidfdSendSignal(process_, 0);
  return errno === 0 || errno === EPERM;
}

/**
 * The address that the other end of a Unix socket bound itself to (getpeername(2)), without its family: a path, a NUL byte and an abstract
 * name, or nothing.
 * @throws SesameError connection-closed when the socket is closed already
 */
export function peerAddress(socket: Socket): Buffer {
  const address = Buffer.alloc(110); // struct sockaddr_un
  const length = Buffer.alloc(4);
  length.writeInt32LE(address.length);
  const { errno } = getpeername(socketDescriptor(socket), address, length);
  requireSuccess(errno, 'getpeername');
  return address.subarray(2, Math.max(2, length.readInt32LE()));
}

/** A descriptor of the process at the other end, or undefined when it is gone. */
function peerProcess(descriptor: number, pid: number): number | undefined {
  const value = Buffer.alloc(4);
  const { errno } = socketOption(descriptor, soPeerPidfd, value);
  if (errno === 0) return value.readInt32LE(0);
  if (errno !== ENOPROTOOPT || pid === 0) return undefined;
  const opened = pidfdOpen(pid);
  return opened.errno === 0 ? opened.value : undefined;
}

function peerGroups(descriptor: number): number[] {
  let groups = Buffer.alloc(128);
  let answer = socketOption(descriptor, soPeerGroups, groups);
  if (answer.errno === ERANGE) {
    groups = Buffer.alloc(answer.length);
    answer = socketOption(descriptor, soPeerGroups, groups);
  }
  // Kernels before 4.13 and emulators do not know it. Fewer groups never mean more access.
  if (answer.errno === ENOPROTOOPT) return [];
  requireSuccess(answer.errno, 'SO_PEERGROUPS');
  return Array.from({ length: answer.length / 4 }, (_, index) => groups.readUInt32LE(index * 4));
}

/** @returns how long the option is; with ERANGE, how long the buffer would have to be */
function socketOption(descriptor: number, option: number, value: Buffer): { errno: number; length: number } {
  const length = Buffer.alloc(4);
  length.writeInt32LE(value.length);
  const { errno } = getsockopt(descriptor, solSocket, option, value, length);
  return { errno, length: length.readInt32LE() };
}

/** Node keeps the descriptor on its undocumented handle, where it has been since Node 0.x; nothing public gives it. */
function socketDescriptor(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const descriptor: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof descriptor !== 'number' || descriptor < 0) {
    throw SesameError.of('connection-closed', { daemon: 'the client', kind: 'its admission' });
  }
  return descriptor;
}
