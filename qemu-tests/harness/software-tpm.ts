// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const startLimitMs = 60_000;

/** Where the TPM of a machine keeps its state. @param directory of the machine */
export function tpmState(directory: string): string {
  return join(directory, 'tpm');
}

function trafficLog(directory: string): string {
  return join(directory, 'tpm-traffic.log');
}

/** At which swtpm logs every byte of commands and answers. */
const everyByte = 20;

/** What a listener on the wires between a machine and its TPM has heard, both ways, in all boots that were listened to. */
export function tpmTraffic(directory: string): Buffer {
  const isBytes = /^(?: [0-9A-F]{2})+ $/;
  const lines = readFileSync(trafficLog(directory), 'latin1').split('\n');
  return Buffer.from(
    lines
      .filter((line) => isBytes.test(line))
      .join('')
      .replaceAll(' ', ''),
    'hex',
  );
}

/** A TPM in software (swtpm). Its state outlives the process, as a chip's outlives a power cut. */
export class SoftwareTpm {
  readonly socketPath: string;
  readonly #process: ChildProcess;

  private constructor(socketPath: string, child: ChildProcess) {
    this.socketPath = socketPath;
    this.#process = child;
  }

  /**
   * @param directory of the machine; the TPM's state lies below it
   * @param listen whether what it hears and says is kept for `tpmTraffic`
   */
  static async start(directory: string, listen = false): Promise<SoftwareTpm> {
    const state = tpmState(directory);
    mkdirSync(state, { recursive: true, mode: 0o700 });
    const socketPath = join(directory, 'tpm.sock');
    const options = ['--tpm2', '--tpmstate', `dir=${state}`, '--ctrl', `type=unixio,path=${socketPath}`, '--terminate'];
    const log = listen ? ['--log', `file=${trafficLog(directory)},level=${everyByte}`] : [];
    const child = spawn('swtpm', ['socket', ...options, ...log], { stdio: ['ignore', 'ignore', 'inherit'] });
    const deadline = Date.now() + startLimitMs;
    while (!existsSync(socketPath)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error('swtpm did not start');
      await wait(10);
    }
    return new SoftwareTpm(socketPath, child);
  }

  /** It ends with QEMU's connection; this makes sure. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await gone;
  }
}
