// SPDX-License-Identifier: MIT
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** A minute in all: QEMU starts slowly on a machine that is busy. */
const connectAttempts = 3_000;
const betweenAttemptsMs = 20;

/** Connects to a Unix socket that a program started a moment ago is about to open. */
export async function connectSoon(path: string): Promise<Socket> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect(path, () => resolve(socket));
        socket.once('error', reject);
      });
    } catch (thrown) {
      if (attempt === connectAttempts) throw thrown;
      await wait(betweenAttemptsMs);
    }
  }
}

/** Calls back with every whole line that arrives. */
export function readLines(socket: Socket, onLine: (line: string) => void): void {
  let pending: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      onLine(Buffer.concat([...pending, rest.subarray(0, end)]).toString('utf8'));
      pending = [];
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) pending.push(rest);
  });
}
