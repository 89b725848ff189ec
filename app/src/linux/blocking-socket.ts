// SPDX-License-Identifier: MIT

import { closeSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { monotonicMs } from '../core/clock.ts';
import { systemErrorCode } from '../core/errors.ts';
import { close, connect, errnoName, requireSuccess, setsockopt, socket } from './libc.ts';
import { descriptorCredentials, type PeerCredentials } from './peer.ts';
import { isUnixAddress, unixAddress } from './unix-address.ts';

const afUnix = 1;
const sockStream = 1;
const sockCloseOnExec = 0o2000000;

// asm-generic/socket.h, the same on x86_64 and aarch64; struct timeval of two 64-bit numbers.
const solSocket = 1;
const soReceiveTimeout = 20;
const soSendTimeout = 21;

const { EAGAIN, EINTR, ENAMETOOLONG } = constants.errno;

/** Nothing arrived, or nothing could be sent, in time. */
export class SocketTimeout extends Error {
  override readonly name = 'SocketTimeout';
}

/**
 * A Unix stream socket whose calls wait in the kernel. For a program that does one thing at a time: node:net with its streams and the
 * event loop take a short process a fifth of what `node -e 0` takes.
 */
export class BlockingSocket {
  readonly #descriptor: number;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /**
   * @param timeoutMs how long a full queue of the other side is waited for; for ever when absent
   * @returns the socket, or the name of the errno: ENOENT, ECONNREFUSED, EACCES, EAGAIN when the time was over, …
   */
  static connect(path: string, timeoutMs?: number): BlockingSocket | string {
    if (!isUnixAddress(path)) return errnoName(ENAMETOOLONG);
    const { value: descriptor, errno } = socket(afUnix, sockStream | sockCloseOnExec, 0);
    if (errno !== 0) return errnoName(errno);
    if (timeoutMs !== undefined) limitTime(descriptor, soSendTimeout, timeoutMs);
    const failure = connectUninterrupted(descriptor, unixAddress(path));
    if (failure === 0) return new BlockingSocket(descriptor);
    close(descriptor);
    return errnoName(failure);
  }

  credentials(): PeerCredentials {
    return descriptorCredentials(this.#descriptor);
  }

  /**
   * Some bytes into the target, waiting for the first of them.
   * @returns how many came; 0 at the end
   * @throws SocketTimeout, or a system error such as ECONNRESET
   */
  read(target: Uint8Array, timeoutMs: number): number {
    return this.#within(soReceiveTimeout, timeoutMs, () => readSync(this.#descriptor, target));
  }

  /** @throws SocketTimeout, or a system error such as EPIPE */
  write(bytes: Uint8Array, timeoutMs: number): void {
    let written = 0;
    while (written < bytes.length) {
      written += this.#within(soSendTimeout, timeoutMs, () => writeSync(this.#descriptor, bytes, written));
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #within<Result>(option: number, timeoutMs: number, act: () => Result): Result {
    const deadline = monotonicMs() + timeoutMs;
    for (;;) {
      limitTime(this.#descriptor, option, deadline - monotonicMs());
      try {
        return act();
      } catch (thrown) {
        const code = systemErrorCode(thrown);
        // With a time limit the kernel resumes no call that a signal interrupts (signal(7)).
        if (code === errnoName(EINTR) && monotonicMs() < deadline) continue;
        if (code === errnoName(EAGAIN) || code === errnoName(EINTR))
          throw new SocketTimeout(`nothing within ${timeoutMs} ms`, { cause: thrown });
        throw thrown;
      }
    }
  }
}

/** @returns errno */
function connectUninterrupted(descriptor: number, address: Buffer): number {
  for (;;) {
    const { errno } = connect(descriptor, address);
    if (errno !== EINTR) return errno;
  }
}

function limitTime(descriptor: number, option: number, timeoutMs: number): void {
  // Zero would mean forever.
  const microseconds = Math.max(1, Math.ceil(timeoutMs * 1000));
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(BigInt(Math.floor(microseconds / 1e6)), 0);
  time.writeBigInt64LE(BigInt(microseconds % 1e6), 8);
  const { errno } = setsockopt(descriptor, solSocket, option, time);
  requireSuccess(errno, 'a time limit of a socket');
}
