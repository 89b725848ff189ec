// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

export type DaemonName = 'daemon-profile' | 'daemon-secrets';

export interface Result {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The programs as built. */
const builtPrograms = join(import.meta.dirname, '../../../dist/bin');

export interface DeviceOptions {
  /** An existing directory to use instead of a new one. */
  readonly home?: string;
  /** Other programs than those in dist/bin. */
  readonly programs?: string;
  /** Who runs the daemons; this user when absent. */
  readonly user?: number;
  /** Programs that start the next one, such as strace(1), in front of a daemon. */
  readonly through?: (name: DaemonName) => readonly string[];
}

/** The password of every vault that a test makes with `initialise`. */
export const password = 'a password for tests';

/**
 * Both daemons as built, in directories of their own under the system's temporary directory, and the command to talk to them.
 * Nothing is shared with the machine or with another test.
 */
export class Device {
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #children = new Map<DaemonName, ChildProcess>();
  readonly #logs = new Map<DaemonName, string>();
  readonly #programs: string;
  readonly #user: number | undefined;
  readonly #through: (name: DaemonName) => readonly string[];

  /** @param configuration text of config.toml */
  constructor(configuration = '', options: DeviceOptions = {}) {
    const { home = mkdtempSync(join(tmpdir(), 'open-sesame-test-')), programs = builtPrograms, user, through } = options;
    this.home = home;
    this.#programs = programs;
    this.#user = user;
    this.#through = through ?? (() => []);
    this.environment = {
      PATH: process.env['PATH'],
      PDS_CONFIG_DIR: join(home, 'etc'),
      PDS_STATE_DIR: join(home, 'state'),
      PDS_RUNTIME_DIR: join(home, 'run'),
    };
    for (const directory of [this.configurationDirectory, this.stateDirectory, this.runtimeDirectory])
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (configuration !== '') writeFileSync(join(this.configurationDirectory, 'config.toml'), configuration);
    if (user === undefined) return;
    for (const path of [home, this.configurationDirectory, this.stateDirectory, this.runtimeDirectory])
      chownSync(path, user, user);
    if (configuration !== '') chownSync(join(this.configurationDirectory, 'config.toml'), user, user);
  }

  get configurationDirectory(): string {
    return join(this.home, 'etc');
  }

  get stateDirectory(): string {
    return join(this.home, 'state');
  }

  get runtimeDirectory(): string {
    return join(this.home, 'run');
  }

  /** What a daemon has written to standard error since this Device was made. */
  log(name: DaemonName): string {
    return this.#logs.get(name) ?? '';
  }

  pid(name: DaemonName): number {
    const pid = this.#children.get(name)?.pid;
    assert.ok(pid !== undefined, `${name} runs`);
    return pid;
  }

  running(name: DaemonName): boolean {
    const child = this.#children.get(name);
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts a daemon and returns at once. */
  launch(name: DaemonName, environment: NodeJS.ProcessEnv = {}): ChildProcess {
    const [program = '', ...words] = [...this.#through(name), join(this.#programs, name)];
    return this.#watch(name, spawn(program, words, this.#options(environment)));
  }

  /** The same without its launcher and its sandbox, for an environment that these keep from it. */
  launchBare(name: DaemonName, environment: NodeJS.ProcessEnv, nodeFlags: readonly string[] = []): ChildProcess {
    const lib = join(this.#programs, '../lib');
    return this.#watch(name, spawn(join(lib, 'node'), [...nodeFlags, join(lib, `${name}.cjs`)], this.#options(environment)));
  }

  #options(environment: NodeJS.ProcessEnv): SpawnOptions {
    return {
      env: { ...this.environment, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
      ...(this.#user === undefined ? {} : { uid: this.#user, gid: this.#user }),
    };
  }

  #watch(name: DaemonName, child: ChildProcess): ChildProcess {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#logs.set(name, this.log(name) + text));
    this.#children.set(name, child);
    return child;
  }

  /** Starts both daemons and returns when both answer. */
  async start(): Promise<this> {
    this.launch('daemon-profile');
    this.launch('daemon-secrets');
    try {
      await this.answers();
    } catch (thrown) {
      // Whoever waits for a device that never comes cannot dispose of it, and its daemons would keep the test's process from ending.
      await this.#kill();
      throw thrown;
    }
    return this;
  }

  /** Returns when both daemons answer; fails after 20 s. */
  async answers(): Promise<void> {
    let last: Result | undefined;
    for (let attempt = 0; attempt < 200; attempt += 1) {
      last = await this.sesame(['status', '--json']);
      if (last.code === 0) return;
      await wait(50);
    }
    assert.fail(`the daemons do not answer: ${last?.stderr}\n${this.log('daemon-profile')}\n${this.log('daemon-secrets')}`);
  }

  /** Returns when the condition holds; fails after the time limit. */
  async eventually(claim: string, condition: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!(await condition())) {
      if (Date.now() > deadline)
        assert.fail(`within ${limitMs} ms: ${claim}\n${this.log('daemon-profile')}\n${this.log('daemon-secrets')}`);
      await wait(20);
    }
  }

  /** Runs the command to its end. */
  async sesame(args: readonly string[], input: string | Uint8Array = '', environment: NodeJS.ProcessEnv = {}): Promise<Result> {
    const child = spawn(join(this.#programs, 'sesame'), args, { env: { ...this.environment, ...environment }, stdio: 'pipe' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined); // a command that refuses its arguments does not read its input
    child.stdin.end(input);
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') };
  }

  /** Runs the command and fails unless it ends with 0. */
  async must(args: readonly string[], input: string | Uint8Array = ''): Promise<Buffer> {
    const result = await this.sesame(args, input);
    assert.equal(result.code, 0, `sesame ${args.join(' ')}: ${result.stderr}`);
    return result.stdout;
  }

  /** A profile with the password of tests, unlocked. */
  async initialise(profile = 'device'): Promise<void> {
    await this.must(['init', '-p', profile, '--factor', 'password', '--password-stdin', '--no-recovery-key'], `${password}\n`);
    await this.unlock(profile);
  }

  async unlock(profile = 'device'): Promise<void> {
    await this.must(['unlock', '-p', profile, '--password-stdin'], `${password}\n`);
  }

  /** Ends a daemon and waits until it is gone. */
  async end(name: DaemonName, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#children.get(name);
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill(signal);
      await gone;
    }
    return child.exitCode;
  }

  /** Ends both daemons and removes the directories. */
  async dispose(): Promise<void> {
    await this.#kill();
    rmSync(this.home, { recursive: true, force: true });
  }

  async #kill(): Promise<void> {
    await Promise.all([this.end('daemon-secrets', 'SIGKILL'), this.end('daemon-profile', 'SIGKILL')]);
  }

  /** The lines of the audit file, parsed. */
  auditEntries(): unknown[] {
    const path = join(this.stateDirectory, 'audit.jsonl');
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line): unknown => JSON.parse(line));
  }
}

/** Both daemons running. */
export function startDevice(configuration = ''): Promise<Device> {
  return new Device(configuration).start();
}

/** Whether a program is on this machine's PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}
