// SPDX-License-Identifier: MIT
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';
import { connectSocket } from './connect.ts';

/** Many clients may start in one instant; the kernel cuts this to net.core.somaxconn. */
const backlog = 511;

/**
 * Listens on a socket file, after removing one that a dead server left behind.
 * @param mode of the socket file; connecting needs the right to write
 * @throws SesameError already-running when somebody answers there, socket-unusable
 */
export async function listenOn(server: Server, path: string, mode: number): Promise<void> {
  await removeStaleSocket(path);
  // bind(2) makes the file with the process's umask: nobody may get in before the mode is what it should be.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (thrown) => reject(unusable(path, thrown)));
      server.listen({ path, backlog }, resolve);
      process.umask(umask);
    });
    chmodSync(path, mode);
  } catch (thrown) {
    throw thrown instanceof SesameError ? thrown : unusable(path, thrown);
  } finally {
    process.umask(umask);
  }
}

/** Whether a socket is alive cannot be seen, only tried. */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    const socket = await connectSocket(path);
    socket.destroy();
  } catch (thrown) {
    if (systemErrorCode(causeOf(thrown)) === 'ENOENT') return;
    if (systemErrorCode(causeOf(thrown)) !== 'ECONNREFUSED') throw unusable(path, thrown);
    unlinkStale(path);
    return;
  }
  throw SesameError.of('already-running', { daemon: 'daemon-profile', where: path });
}

function unlinkStale(path: string): void {
  try {
    // Connecting to an ordinary file is refused as well.
    if (!lstatSync(path).isSocket()) throw SesameError.of('socket-unusable', { path, cause: 'it is not a socket' });
    unlinkSync(path);
  } catch (thrown) {
    throw thrown instanceof SesameError ? thrown : unusable(path, thrown);
  }
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof SesameError ? thrown.cause : thrown;
}

function unusable(path: string, thrown: unknown): SesameError {
  return SesameError.of('socket-unusable', { path, cause: describe(causeOf(thrown)) }, thrown);
}
