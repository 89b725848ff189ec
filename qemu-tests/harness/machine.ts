// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { DeviceImage, Firmware } from '../build/device.ts';
import { Agent } from './agent.ts';
import { Qmp } from './qmp.ts';
import { SoftwareTpm } from './software-tpm.ts';

export interface BootOptions {
  /** Added to the kernel's command line. */
  readonly append?: string;
  /** Path of the data partition; `none`: the device has none. */
  readonly data: string | 'none';
  readonly dataReadOnly?: boolean;
  readonly memoryMb?: number;
  /** Whether what the TPM hears and says is kept for `tpmTraffic`. */
  readonly listenToTpm?: boolean;
  /** What the battery-less clock says at power-on, as QEMU's -rtc base takes it. */
  readonly clock?: string;
  /** A file that `suspend` wrote on a machine of the same image and memory: the machine goes on from there instead of booting. */
  readonly resume?: string;
  /** Sockets and the TPM's state; one machine at a time. */
  readonly directory: string;
  /** What the serial console shows is appended to this file; console.log in the directory when absent. */
  readonly consolePath?: string;
}

/** Start of RAM on QEMU's `virt` machine. */
const memoryStart = 0x40000000;
const defaultMemoryMb = 256;
/** Exit code of who was ended by SIGTERM, as a shell counts. */
const terminated = 128 + 15;
const powerOffLimitMs = 120_000;
const suspendLimitMs = 120_000;

/** Bytes a second; QEMU's own limit is made for networks. */
const unlimited = 2 ** 40;

/** One powered machine: from power-on to power-off, whichever way that comes. */
export class Machine {
  readonly agent: Agent;
  /** performance.now() at power-on. */
  readonly poweredOnAt: number;
  readonly memoryBytes: number;
  readonly consolePath: string;
  /** The serial console, both ways, as a Unix socket; the log is written in any case. */
  readonly terminalPath: string;
  /** A second port into the device, with nobody behind it, as a Unix socket: `/sys/class/virtio-ports/NAME/name` says `line` there. */
  readonly linePath: string;
  readonly #qemu: ChildProcess;
  readonly #qmp: Qmp;
  readonly #tpm: SoftwareTpm;
  readonly #ended: Promise<void>;

  private constructor(parts: {
    agent: Agent;
    poweredOnAt: number;
    memoryBytes: number;
    consolePath: string;
    terminalPath: string;
    linePath: string;
    qemu: ChildProcess;
    qmp: Qmp;
    tpm: SoftwareTpm;
  }) {
    this.agent = parts.agent;
    this.poweredOnAt = parts.poweredOnAt;
    this.memoryBytes = parts.memoryBytes;
    this.consolePath = parts.consolePath;
    this.terminalPath = parts.terminalPath;
    this.linePath = parts.linePath;
    this.#qemu = parts.qemu;
    this.#qmp = parts.qmp;
    this.#tpm = parts.tpm;
    // A test that fails before it disposes of its device would leave it running.
    const end = (): void => void parts.qemu.kill('SIGKILL');
    process.once('exit', end);
    // So ends whoever takes too long for a test runner, which by itself is no exit.
    if (process.listenerCount('SIGTERM') === 0) process.once('SIGTERM', () => process.exit(terminated));
    this.#ended = new Promise((resolve) => {
      parts.qemu.once('exit', () => {
        process.removeListener('exit', end);
        resolve();
      });
    });
  }

  /** Switches the power on; what comes up is waited for with `agent.ready()`. */
  static async powerOn(image: DeviceImage, options: BootOptions): Promise<Machine> {
    const { directory, consolePath = join(options.directory, 'console.log') } = options;
    const memoryMb = options.memoryMb ?? defaultMemoryMb;
    const sockets = {
      agent: join(directory, 'agent.sock'),
      line: join(directory, 'line.sock'),
      qmp: join(directory, 'qmp.sock'),
      terminal: join(directory, 'console.sock'),
    };
    for (const path of [...Object.values(sockets), join(directory, 'tpm.sock')]) rmSync(path, { force: true });
    const tpm = await SoftwareTpm.start(directory, options.listenToTpm);
    const poweredOnAt = performance.now();
    const words = qemuWords(image, options, { ...sockets, tpm: tpm.socketPath, console: consolePath, memoryMb });
    const qemu = spawn('qemu-system-aarch64', words, { stdio: ['ignore', 'ignore', 'inherit'] });
    try {
      // The host's end is there before the guest looks, so that nothing the agent says is lost.
      const agent = await Agent.connect(sockets.agent);
      const qmp = await Qmp.connect(sockets.qmp);
      const memoryBytes = memoryMb * 1024 * 1024;
      const paths = { terminalPath: sockets.terminal, linePath: sockets.line, consolePath };
      return new Machine({ agent, poweredOnAt, ...paths, memoryBytes, qemu, qmp, tpm });
    } catch (thrown) {
      // What is left running keeps the test's standard error open, and its runner waiting.
      qemu.kill('SIGKILL');
      await tpm.stop();
      throw thrown;
    }
  }

  get running(): boolean {
    return this.#qemu.exitCode === null && this.#qemu.signalCode === null;
  }

  /** Takes the power away at once: nothing that the guest has not written is written any more. */
  async cutPower(): Promise<void> {
    if (this.running) this.#qemu.kill('SIGKILL');
    await this.#cleanUp();
  }

  /** Shuts the guest down as its own poweroff command does: by its path, for busybox's shell takes its own applet for the bare name. */
  async powerOff(): Promise<void> {
    this.agent.run('/sbin/poweroff').catch(() => undefined); // the answer may not get out any more
    const inTime = await Promise.race([this.#ended.then(() => true), wait(powerOffLimitMs, false, { ref: false })]);
    await this.cutPower();
    if (!inTime) throw new Error(`the device did not power off within ${powerOffLimitMs} ms`);
  }

  /** Writes all of the guest's memory, as it is this moment, to a file. */
  async dumpMemory(path: string): Promise<void> {
    await this.#qmp.execute('stop');
    try {
      await this.#qmp.execute('pmemsave', { val: memoryStart, size: this.memoryBytes, filename: path });
    } finally {
      await this.#qmp.execute('cont');
    }
  }

  /**
   * Writes memory and devices, as they are this moment, to a file for `resume`, and ends the machine. Its disk and the TPM's directory
   * have to be kept with it.
   */
  async suspend(path: string): Promise<void> {
    // Not stopped before: it would still be stopped after it was resumed.
    await this.#qmp.execute('migrate-set-parameters', { 'max-bandwidth': unlimited, 'downtime-limit': suspendLimitMs });
    await this.#qmp.execute('migrate', { uri: `exec:cat > '${path}'` });
    const deadline = Date.now() + suspendLimitMs;
    for (let status = 'active'; status !== 'completed'; status = await this.#migrationStatus()) {
      if (status === 'failed' || Date.now() > deadline) throw new Error(`the machine could not be written to ${path}: ${status}`);
      await wait(50);
    }
    await this.cutPower();
  }

  async #migrationStatus(): Promise<string> {
    const answer = await this.#qmp.execute('query-migrate');
    return typeof answer === 'object' && answer !== null && 'status' in answer ? String(answer.status) : 'none';
  }

  /** Stops the guest's processors and starts them again; in between its disks do not change. */
  async paused<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    await this.#qmp.execute('stop');
    try {
      return await work();
    } finally {
      await this.#qmp.execute('cont');
    }
  }

  async #cleanUp(): Promise<void> {
    await this.#ended;
    this.agent.close();
    this.#qmp.close();
    await this.#tpm.stop();
  }
}

interface Places {
  readonly agent: string;
  readonly line: string;
  readonly qmp: string;
  readonly tpm: string;
  /** Socket of whoever sits at the serial console. */
  readonly terminal: string;
  readonly console: string;
  readonly memoryMb: number;
}

function qemuWords(image: DeviceImage, options: BootOptions, places: Places): string[] {
  const append = commandLine(image, options.append);
  return [
    ...['-M', 'virt,gic-version=3', '-cpu', 'cortex-a72', '-smp', '2', '-m', String(places.memoryMb)],
    ...['-accel', 'tcg,thread=multi', '-display', 'none', '-nodefaults', '-no-user-config', '-no-reboot'],
    ...(image.firmware === undefined ? [] : flash(image.firmware, options.directory)),
    ...['-kernel', image.kernel, ...(image.unified === true ? [] : ['-append', append])],
    ...(image.initrd === undefined ? [] : ['-initrd', image.initrd]),
    ...(options.clock === undefined ? [] : ['-rtc', `base=${options.clock}`]),
    ...(options.resume === undefined ? [] : ['-incoming', `exec:cat '${options.resume}'`]),
    ...disk('root', image.root, true),
    ...(options.data === 'none' ? [] : disk('data', options.data, options.dataReadOnly ?? false)),
    ...['-chardev', `socket,id=console,path=${places.terminal},server=on,wait=off,logfile=${places.console},logappend=on`],
    ...['-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${places.agent},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=agent'],
    ...['-chardev', `socket,id=line,path=${places.line},server=on,wait=off`, '-device', 'virtserialport,chardev=line,name=line'],
    ...['-device', 'virtio-rng-pci'],
    ...['-chardev', `socket,id=tpm,path=${places.tpm}`, '-tpmdev', 'emulator,id=tpm0,chardev=tpm'],
    ...['-device', 'tpm-tis-device,tpmdev=tpm0'],
    ...['-qmp', `unix:${places.qmp},server=on,wait=off`],
  ];
}

/**
 * What the kernel is told at boot. Without its page table isolation, which every system call would empty the emulator's TLB for: a boot takes a
 * third less, an unlock less by two fifths, and what that isolation protects from an emulator does not have.
 * @param added behind what every boot of the image has
 */
export function commandLine(image: DeviceImage, added = ''): string {
  const { rootArguments = 'root=/dev/vda' } = image;
  return `${rootArguments} rootfstype=squashfs ro console=ttyAMA0 quiet panic=-1 kpti=off ${added}`.trim();
}

/** The variables are the machine's own: copied at its first boot and kept. */
function flash({ code, variables }: Firmware, directory: string): string[] {
  const ownVariables = join(directory, 'firmware-variables.img');
  if (!existsSync(ownVariables)) copyFileSync(variables, ownVariables);
  return [
    ...['-drive', `if=pflash,format=raw,readonly=on,file=${code}`],
    ...['-drive', `if=pflash,format=raw,file=${ownVariables}`],
  ];
}

function disk(name: string, path: string, readOnly: boolean): string[] {
  const drive = `if=none,id=${name},format=raw,file=${path},readonly=${readOnly ? 'on' : 'off'}`;
  return ['-drive', drive, '-device', `virtio-blk-pci,drive=${name},serial=${name}`];
}
