// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import { connectSoon, readLines } from './lines.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

/** QEMU's own control channel (QEMU Machine Protocol): one JSON object a line. */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined); // QEMU was ended; the close below tells whoever waits
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('QEMU ended before it answered'));
    });
    readLines(socket, (line) => this.#receive(line));
  }

  static async connect(path: string): Promise<Qmp> {
    const qmp = new Qmp(await connectSoon(path));
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  /** Commands are answered in the order in which they were given. */
  async execute(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    return await answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(line: string): void {
    const message: unknown = JSON.parse(line);
    if (typeof message !== 'object' || message === null) return;
    if ('return' in message) this.#waiting.shift()?.resolve(message.return);
    else if ('error' in message) this.#waiting.shift()?.reject(new Error(`QEMU refuses: ${JSON.stringify(message.error)}`));
  }
}
