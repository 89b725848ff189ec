// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { makeDataPartition } from '../build/data-partition.ts';
import { chosenDevice, type DeviceImage } from '../build/device.ts';
import { runProgram } from '../build/program.ts';
import type { GuestResult } from './agent.ts';
import { type BootOptions, Machine } from './machine.ts';
import { services } from './memory.ts';
import { type ServiceControl, serviceControl } from './service-control.ts';
import { tpmState, tpmTraffic } from './software-tpm.ts';

/** How long a boot may take on a busy machine, in ms. */
const bootLimitMs = 300_000;
const commandLimitMs = 300_000;

/** Console logs of all boots of this checkout, kept until the next run of the same test. */
const logDirectory = join(import.meta.dirname, '../../.cache/console');

/** The password of every vault that a test makes. */
export const password = 'a password for devices under test';

let image: Promise<DeviceImage> | undefined;

/** The image under test, built when something of it has changed. */
export function deviceImage(): Promise<DeviceImage> {
  image ??= chosenDevice((text) => process.stderr.write(`${text}\n`));
  return image;
}

/** Where the parts of a suspended device lie. */
export interface SuspendedDevice {
  readonly memory: string;
  readonly data: string;
  readonly tpm: string;
}

type BootChoices = Partial<Omit<BootOptions, 'directory'>>;

/** One device through all its boots: a data partition and a TPM of its own, and at most one machine that is switched on. */
export class Device {
  readonly directory: string;
  readonly dataPath: string;
  #image: DeviceImage;
  readonly #logPath: string;
  #machine: Machine | undefined;

  private constructor(deviceImage: DeviceImage, name: string) {
    this.#image = deviceImage;
    this.directory = mkdtempSync(join(tmpdir(), 'open-sesame-device-'));
    this.dataPath = join(this.directory, 'data.img');
    mkdirSync(logDirectory, { recursive: true });
    this.#logPath = join(logDirectory, `${name.replaceAll(/[^A-Za-z0-9]+/g, '-')}.log`);
    rmSync(this.#logPath, { force: true });
  }

  /** A device as it comes from the factory. @param name of its console log */
  static async create(name: string, image?: DeviceImage): Promise<Device> {
    const device = new Device(image ?? (await deviceImage()), name);
    await makeDataPartition(device.dataPath);
    return device;
  }

  /** A copy of a suspended device, which goes on where that one was. */
  static async resume(name: string, suspended: SuspendedDevice): Promise<Device> {
    const device = new Device(await deviceImage(), name);
    copyFileSync(suspended.data, device.dataPath);
    cpSync(suspended.tpm, tpmState(device.directory), { recursive: true });
    await device.#powerOn({ resume: suspended.memory });
    await device.#inTime(device.machine.agent.run(':'), bootLimitMs, 'the device does not go on');
    return device;
  }

  /** How to deal with its services. */
  get control(): ServiceControl {
    return serviceControl(this.#image.init ?? 'openrc');
  }

  get machine(): Machine {
    assert.ok(this.#machine !== undefined, 'the device is switched on');
    return this.#machine;
  }

  /** What the serial console has shown in all boots. */
  get console(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, 'utf8') : '';
  }

  /** Returns when the serial console has shown it: what is said by a process that nobody waits for may come a moment later. */
  async shows(pattern: RegExp, limitMs = 60_000): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!pattern.test(this.console)) {
      if (performance.now() > deadline) assert.match(this.console, pattern);
      await wait(100);
    }
  }

  /** Switches the device on and returns when it has come up; how long that took, in ms. */
  async boot(choices: BootChoices = {}): Promise<number> {
    await this.#powerOn(choices);
    await this.#inTime(this.machine.agent.ready(), bootLimitMs, 'the device does not come up');
    return performance.now() - this.machine.poweredOnAt;
  }

  /** Switches the device on and takes the power away again, however far it has come by then. */
  async interruptBoot(afterMs: number, choices: BootChoices = {}): Promise<void> {
    const options = { data: this.dataPath, ...choices, directory: this.directory, consolePath: this.#logPath };
    const machine = await Machine.powerOn(this.#image, options);
    await wait(afterMs);
    await machine.cutPower();
  }

  /** Runs a script in the device's shell, as root. */
  async run(script: string, input: string | Uint8Array = '', limitMs = commandLimitMs): Promise<GuestResult> {
    return await this.#inTime(this.machine.agent.run(script, input), limitMs, `no answer to: ${script}`);
  }

  /** As `run`, for a script that must succeed; what it printed. */
  async must(script: string, input: string | Uint8Array = '', limitMs = commandLimitMs): Promise<string> {
    const { code, stdout, stderr } = await this.run(script, input, limitMs);
    assert.equal(code, 0, `${script}: ${stderr}${stdout}\n${this.#lastOfConsole()}`);
    return stdout.toString('utf8');
  }

  /** Runs a script until it succeeds. */
  async eventually(claim: string, script: string, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const result = await this.run(script);
      if (result.code === 0) return;
      if (performance.now() > deadline) {
        assert.fail(`within ${limitMs} ms: ${claim}; ${result.stderr}\n${await this.daemonLogs()}\n${this.#lastOfConsole()}`);
      }
      await wait(100);
    }
  }

  /** Puts a configuration in the place of the image's for the rest of this boot, and has the daemons read it: the first time by a restart. */
  async configure(text: string): Promise<void> {
    await this.must('mkdir -p /run/configuration; cat > /run/configuration/config.toml', text);
    // A running daemon may read the directory that it was started with and not what is mounted over it.
    const command = (await this.run('grep -q " /etc/pds " /proc/mounts')).code === 0 ? 'reload' : 'restart';
    if (command === 'restart') await this.must('mount -o bind /run/configuration /etc/pds');
    for (const service of services) await this.must(this.control[command](service));
  }

  /** A profile with the password of tests, unlocked. */
  async initialise(profile = 'device'): Promise<void> {
    await this.must(`sesame init -p ${profile} --factor password --password-stdin --no-recovery-key`, `${password}\n`);
    await this.unlock(profile);
  }

  async unlock(profile = 'device'): Promise<void> {
    await this.must(`sesame unlock -p ${profile} --password-stdin`, `${password}\n`);
  }

  /**
   * How much slower than a quiet machine this one is at the moment, at least 1: by the time a bare Node takes on the device. Limits in
   * seconds are multiplied by it, since an emulated device on a shared machine has no seconds of its own.
   */
  async slowdown(): Promise<number> {
    const quietSeconds = 0.3;
    const node = '/usr/lib/open-sesame/lib/node -e 0';
    const times = await this.must(`cut -d ' ' -f 1 /proc/uptime; ${node}; ${node}; cut -d ' ' -f 1 /proc/uptime`);
    const [from = Number.NaN, to = Number.NaN] = times.trim().split('\n').map(Number);
    return Math.max(1, (to - from) / 2 / quietSeconds);
  }

  async daemonLogs(): Promise<string> {
    const texts = await Promise.all(services.map((service) => this.run(this.control.messages(service))));
    return texts.map(({ stdout }) => stdout.toString('utf8')).join('');
  }

  /** What the device boots from now on, as after an update. */
  install(deviceImage: DeviceImage): void {
    this.#image = deviceImage;
  }

  /** What a listener between it and its TPM has heard in the boots with `listenToTpm`. */
  get tpmTraffic(): Buffer {
    return tpmTraffic(this.directory);
  }

  /** Puts a TPM into it, while it is off, that has never been used. */
  replaceTpm(): void {
    assert.ok(this.#machine === undefined, 'the device is switched off');
    rmSync(tpmState(this.directory), { recursive: true });
  }

  /** Stops the device where it is, for any number of copies of it. @param place an empty directory */
  async suspend(place: SuspendedDevice): Promise<void> {
    await this.machine.suspend(place.memory);
    this.#machine = undefined;
    copyFileSync(this.dataPath, place.data);
    cpSync(tpmState(this.directory), place.tpm, { recursive: true });
  }

  async powerOff(): Promise<void> {
    await this.machine.powerOff();
    this.#machine = undefined;
  }

  /** Leaves a device alone that is switched off. */
  async cutPower(): Promise<void> {
    await this.#machine?.cutPower();
    this.#machine = undefined;
  }

  /** Shuts down and comes up again. */
  async reboot(choices: BootChoices = {}): Promise<number> {
    await this.powerOff();
    return await this.boot(choices);
  }

  /** A copy of the data partition as the device has written it to its disk this moment. */
  async snapshotData(path: string): Promise<void> {
    if (this.#machine === undefined) copyFileSync(this.dataPath, path);
    else await this.#machine.paused(() => copyFileSync(this.dataPath, path));
  }

  /** Changes a file on the data partition while the device is off; debugfs(8) needs no mount and no root. */
  async changeData(...commands: readonly string[]): Promise<void> {
    for (const command of commands) await runProgram('/sbin/debugfs', ['-w', '-R', command, this.dataPath]);
  }

  /** Switches off and removes everything but the console log, or with KEEP_DEVICE in the environment nothing. */
  async dispose(): Promise<void> {
    if (this.#machine !== undefined) await this.cutPower();
    if (process.env['KEEP_DEVICE'] !== undefined) process.stderr.write(`kept: ${this.directory}\n`);
    else rmSync(this.directory, { recursive: true, force: true });
  }

  async #powerOn(choices: BootChoices): Promise<void> {
    const options = { data: this.dataPath, ...choices, directory: this.directory, consolePath: this.#logPath };
    this.#machine = await Machine.powerOn(this.#image, options);
  }

  #lastOfConsole(): string {
    return `the console (${this.#logPath}) ends with:\n${this.console.slice(-3000)}`;
  }

  async #inTime<Result>(work: Promise<Result>, limitMs: number, failure: string): Promise<Result> {
    const timer = new AbortController();
    const late = wait(limitMs, undefined, { signal: timer.signal }).then(
      () => assert.fail(`${failure} within ${limitMs} ms; ${this.#lastOfConsole()}`),
      () => new Promise<never>(() => undefined),
    );
    try {
      return await Promise.race([work, late]);
    } finally {
      timer.abort();
    }
  }
}
