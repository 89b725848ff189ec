// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { hasProgram } from './device.ts';

/** Why tests with OpenSSH cannot run here, or false. */
export const openSshMissing: string | false =
  hasProgram('ssh-agent') && hasProgram('ssh-keygen') ? false : 'openssh-client is missing';

/** OpenSSH's own agent in the foreground, with keys that are made for one test. */
export class RealAgent {
  readonly directory = mkdtempSync(join(tmpdir(), 'agent-'));
  readonly socket = join(this.directory, 'agent.sock');
  readonly #process: ChildProcess;

  private constructor() {
    this.#process = spawn('ssh-agent', ['-D', '-a', this.socket], { stdio: 'ignore' });
  }

  static async start(): Promise<RealAgent> {
    const agent = new RealAgent();
    for (let attempt = 0; attempt < 200 && !existsSync(agent.socket); attempt += 1) await wait(20);
    assert.ok(existsSync(agent.socket), 'the agent listens');
    return agent;
  }

  /** Makes a key and adds it. @returns the path of its private file */
  add(name: string, ...type: string[]): string {
    const path = this.generate(name, ...type);
    this.run('ssh-add', '-q', path);
    return path;
  }

  /** Makes a key without adding it. @returns the path of its private file */
  generate(name: string, ...type: string[]): string {
    const path = join(this.directory, name);
    this.run('ssh-keygen', '-q', '-N', '', '-C', `${name} comment`, '-f', path, '-t', ...type);
    return path;
  }

  fingerprint(path: string): string {
    return this.run('ssh-keygen', '-lf', `${path}.pub`).split(' ')[1] ?? '';
  }

  publicBlob(path: string): Buffer {
    return Buffer.from(readFileSync(`${path}.pub`, 'utf8').split(' ')[1] ?? '', 'base64');
  }

  /** Locks or unlocks it. ssh-add wants a terminal for the password; SSH_ASKPASS stands in. */
  lock(flag: '-x' | '-X'): void {
    const asking = join(this.directory, 'ask');
    writeFileSync(asking, '#!/bin/sh\necho a password\n', { mode: 0o700 });
    const environment = { ...this.environment, SSH_ASKPASS: asking, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' };
    const { status, stderr } = spawnSync('ssh-add', [flag], { env: environment, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }

  run(program: string, ...words: string[]): string {
    const { status, stdout, stderr } = spawnSync(program, words, { env: this.environment, encoding: 'utf8' });
    assert.equal(status, 0, `${program} ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  get environment(): NodeJS.ProcessEnv {
    return { PATH: process.env['PATH'], SSH_AUTH_SOCK: this.socket };
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill();
    await gone;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
