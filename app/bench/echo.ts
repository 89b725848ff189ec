// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { daemonFlags, daemonNode } from './launcher.ts';
import { open, seal } from './sealing.ts';

/**
 * An echo through a relay, each a Node process of its own, with the flags of the daemons, that does nothing else: the two hops of a
 * request, and nothing more, or with both encrypted.
 */
export class RelayedEcho {
  readonly #directory: string;
  readonly #processes: ChildProcess[];
  readonly #socket: Socket;
  readonly #sealed: boolean;

  private constructor(directory: string, processes: ChildProcess[], socket: Socket, sealed: boolean) {
    this.#directory = directory;
    this.#processes = processes;
    this.#socket = socket;
    this.#sealed = sealed;
  }

  static async start({ sealed = false } = {}): Promise<RelayedEcho> {
    const directory = mkdtempSync(join(tmpdir(), 'open-sesame-echo-'));
    const [server, relay] = [join(directory, 'server'), join(directory, 'relay')];
    const mode = sealed ? ['sealed'] : [];
    const processes = [await startProcess('server', server, ...mode), await startProcess('relay', relay, server, ...mode)];
    const socket = connect(relay);
    await once(socket, 'connect');
    return new RelayedEcho(directory, processes, socket, sealed);
  }

  /** Sends a message and returns when all of it is back. */
  roundTrip(message: Buffer): Promise<void> {
    const sent = this.#sealed ? seal(message) : message;
    return new Promise((resolve) => {
      let missing = sent.length;
      const take = (chunk: Buffer): void => {
        missing -= chunk.length;
        if (missing > 0) return;
        this.#socket.off('data', take);
        if (this.#sealed) open(chunk);
        resolve();
      };
      this.#socket.on('data', take);
      this.#socket.write(sent);
    });
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    await Promise.all(
      this.#processes.map((child) => {
        const ended = once(child, 'exit');
        child.kill();
        return ended;
      }),
    );
    rmSync(this.#directory, { recursive: true });
  }
}

async function startProcess(...words: string[]): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'echo-process.ts');
  const child = spawn(daemonNode, [...daemonFlags(), program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}
