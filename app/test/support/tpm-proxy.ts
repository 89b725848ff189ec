// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { freePorts, type SoftwareTpm } from './swtpm.ts';

/** For `delays`: every command. */
export const anyCommand = 0;

/**
 * Somebody between a program and its TPM: reads every byte, and may hold back or replace answers. In a thread of its own, because the
 * library's transport to emulators blocks for a moment when it is opened.
 */
export class TpmProxy {
  readonly #worker: Worker;
  readonly tcti: string;
  /** How long the answer to a command is held back, in ms, by its code. */
  readonly delays = new Map<number, number>();
  /** What the program gets at once, by the code of the command, which the TPM never sees. */
  readonly answers = new Map<number, Uint8Array>();

  private constructor(chip: SoftwareTpm, port: number) {
    this.tcti = `swtpm:host=127.0.0.1,port=${port}`;
    const module = new URL('tpm-proxy-worker.ts', import.meta.url);
    this.#worker = new Worker(module, { workerData: { port, chipPort: chip.port } });
  }

  static async start(chip: SoftwareTpm): Promise<TpmProxy> {
    const proxy = new TpmProxy(chip, await freePorts());
    await once(proxy.#worker, 'message');
    return proxy;
  }

  /** Makes `delays` and `answers` hold. @returns everything that passed up to now, and the code of each command */
  async apply(): Promise<{ traffic: Buffer; commands: number[] }> {
    this.#worker.postMessage({ delays: this.delays, answers: this.answers });
    const [seen]: { traffic: Uint8Array; commands: number[] }[] = await once(this.#worker, 'message');
    return { traffic: Buffer.from(seen?.traffic ?? []), commands: seen?.commands ?? [] };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
