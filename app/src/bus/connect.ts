// SPDX-License-Identifier: MIT
import { createConnection, type Socket } from 'node:net';
import { describe, SesameError, systemErrorCode } from '../core/errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  EACCES: 'this user may not connect',
  EAGAIN: 'too many others are connecting',
};

/**
 * A connection to the bus's socket, paused.
 * @throws SesameError daemon-unreachable
 */
export function connectSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    socket.pause();
    // Whatever happens after the connection is made shows as a close; the listener stays, for an 'error' without one ends the process.
    socket.on('error', (thrown) =>
      reject(busUnreachable(path, reasons[systemErrorCode(thrown) ?? ''] ?? describe(thrown), thrown)),
    );
    socket.once('connect', () => resolve(socket));
  });
}

export function busUnreachable(path: string, reason: string, cause?: unknown): SesameError {
  return SesameError.of('daemon-unreachable', { daemon: 'daemon-profile', where: path, reason }, cause);
}
