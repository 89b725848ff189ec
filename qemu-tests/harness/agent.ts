// SPDX-License-Identifier: MIT
import type { Socket } from 'node:net';
import { connectSoon, readLines } from './lines.ts';

/** How a command on the device ended. */
export interface GuestResult {
  /** As the shell counts it: 128 and more for a signal. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

interface Waiting {
  onLine?: (line: string) => void;
  resolve(result: GuestResult): void;
  reject(reason: Error): void;
}

/** The host's end of the device's agent: one command at a time over a virtio serial port, both ways in base64. */
export class Agent {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, Waiting>();
  readonly #ready: Promise<void>;
  #count = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#ready = new Promise((resolve, reject) => {
      readLines(socket, (line) => {
        if (line.startsWith('ready ')) resolve();
        else this.#receive(line);
      });
      socket.on('error', () => undefined); // QEMU was ended; the close below tells whoever waits
      socket.on('close', () => {
        const reason = new Error('the device ended');
        reject(reason);
        for (const { reject: refuse } of this.#waiting.values()) refuse(reason);
      });
    });
    this.#ready.catch(() => undefined); // whoever waits for it hears of it
  }

  static async connect(path: string): Promise<Agent> {
    return new Agent(await connectSoon(path));
  }

  /** Resolves when the device has come up as far as its agent. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  /** Runs a script in the device's shell, as root. */
  async run(script: string, input: string | Uint8Array = ''): Promise<GuestResult> {
    return await this.#send(script, input, {});
  }

  /** As `run`, but hands over each line of its standard output at once; the result has none. */
  async stream(script: string, onLine: (line: string) => void): Promise<GuestResult> {
    return await this.#send(`exec > "$device_agent_lines"\n${script}`, '', { onLine });
  }

  async #send(script: string, input: string | Uint8Array, extra: Pick<Waiting, 'onLine'>): Promise<GuestResult> {
    this.#count += 1;
    const id = String(this.#count);
    const result = new Promise<GuestResult>((resolve, reject) => this.#waiting.set(id, { ...extra, resolve, reject }));
    this.#socket.write(`${id} ${encoded(script)} ${encoded(input)}\n`);
    try {
      return await result;
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(line: string): void {
    const streamed = /^line (.*)$/.exec(line)?.[1];
    if (streamed !== undefined) {
      for (const { onLine } of this.#waiting.values()) onLine?.(streamed);
      return;
    }
    const [id = '', code = '', stdout = '', stderr = ''] = line.split(' ');
    this.#waiting.get(id)?.resolve({ code: Number(code), stdout: decoded(stdout), stderr: decoded(stderr).toString('utf8') });
  }
}

function encoded(content: string | Uint8Array): string {
  return content.length === 0 ? '-' : Buffer.from(content).toString('base64');
}

function decoded(text: string): Buffer {
  return text === '-' ? Buffer.alloc(0) : Buffer.from(text, 'base64');
}
