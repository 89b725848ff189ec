// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real TPM 2.0 in software (swtpm over libtpms) of its own: fresh keys, PCRs that are zero until somebody extends them. */
export class SoftwareTpm {
  readonly directory = mkdtempSync(join(tmpdir(), 'swtpm-'));
  #port = 0;
  #process: ChildProcess | undefined;

  static async start(): Promise<SoftwareTpm> {
    const tpm = new SoftwareTpm();
    tpm.#port = await freePorts();
    await tpm.powerOn();
    return tpm;
  }

  /** For tss2-tctildr(3). */
  get tcti(): string {
    return `swtpm:host=127.0.0.1,port=${this.#port}`;
  }

  /** The port of commands; that of the control channel is the next one. */
  get port(): number {
    return this.#port;
  }

  async powerOn(): Promise<void> {
    const words = [
      ...['socket', '--tpm2', '--tpmstate', `dir=${this.directory}`, '--flags', 'not-need-init,startup-clear'],
      ...['--server', `type=tcp,port=${this.#port},bindaddr=127.0.0.1`],
      ...['--ctrl', `type=tcp,port=${this.#port + 1},bindaddr=127.0.0.1`],
    ];
    this.#process = spawn('swtpm', words, { stdio: ['ignore', 'ignore', 'inherit'] });
    for (let tries = 0; tries < 200; tries += 1) {
      if (this.tools('tpm2_getcap', 'properties-fixed').status === 0) return;
      await sleep(25);
    }
    throw new Error('swtpm did not start; install the Debian packages swtpm and tpm2-tools');
  }

  /** Takes the power away: what is volatile is gone, and an object with an authorisation value may count it as an attack. */
  async powerOff(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async reboot(): Promise<void> {
    await this.powerOff();
    await this.powerOn();
  }

  /** Runs a program of tpm2-tools in the TPM's directory. */
  tools(program: string, ...words: string[]): { status: number | null; stdout: Buffer; stderr: string } {
    const { status, stdout, stderr, error } = spawnSync(program, words, {
      cwd: this.directory,
      env: { ...process.env, TPM2TOOLS_TCTI: this.tcti, TSS2_LOG: 'all+none' },
    });
    if (error !== undefined) throw new Error(`${program}: ${error.message}; install the Debian package tpm2-tools`);
    return { status, stdout, stderr: stderr.toString() };
  }

  /** The same, for what must succeed. @returns its standard output */
  tool(program: string, ...words: string[]): Buffer {
    const { status, stdout, stderr } = this.tools(program, ...words);
    if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** What tpm2-tools unseal under the storage root key. @param policy such as `pcr:sha256:7` */
  unsealWithTools({ publicArea, privateArea }: { publicArea: Buffer; privateArea: Buffer }, policy: string): Buffer {
    writeFileSync(join(this.directory, 'public'), publicArea);
    writeFileSync(join(this.directory, 'private'), privateArea);
    this.tool('tpm2_load', '-C', '0x81000001', '-u', 'public', '-r', 'private', '-c', 'object');
    this.tool('tpm2_flushcontext', '-t');
    try {
      return this.tool('tpm2_unseal', '-c', 'object', '-p', policy);
    } finally {
      this.tool('tpm2_flushcontext', '-t');
    }
  }

  extend(pcr: number, bank = 'sha256'): void {
    const digits = { sha1: 40, sha256: 64, sha384: 96 }[bank] ?? 64;
    this.tool('tpm2_pcrextend', `${pcr}:${bank}=${'5a'.repeat(digits / 2)}`);
  }

  async remove(): Promise<void> {
    await this.powerOff();
    if (existsSync(this.directory)) rmSync(this.directory, { recursive: true });
  }
}

/** Two neighbouring ports that nobody listens on, below those that the kernel gives out. @returns the lower one */
export async function freePorts(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 20_000 + 2 * Math.floor(Math.random() * 6_000);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
  throw new Error('no two neighbouring ports are free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
