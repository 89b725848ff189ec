// SPDX-License-Identifier: MIT
import { createConnection, type Socket } from 'node:net';
import { describe, systemErrorCode } from '../core/errors.ts';
import { busUnreachable, connectReason } from './unreachable.ts';

export { busUnreachable } from './unreachable.ts';

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
      reject(busUnreachable(path, connectReason(systemErrorCode(thrown) ?? '') ?? describe(thrown), thrown)),
    );
    socket.once('connect', () => resolve(socket));
  });
}
