// SPDX-License-Identifier: MIT
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { RaspberryPiFiles } from '../build/raspberry-pi.ts';

/** A Raspberry Pi 3 in QEMU with a card: everything is said over its serial console. Neither GPU nor firmware is emulated. */
export class RaspberryPi {
  readonly #qemu: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #console = '';
  #heard: () => void = () => undefined;

  private constructor(qemu: ChildProcessWithoutNullStreams) {
    this.#qemu = qemu;
    this.#ended = new Promise((resolve) => qemu.once('exit', () => resolve()));
    qemu.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#console += text;
      this.#heard();
    });
  }

  /**
   * Switches it on.
   * @param card its size is a power of two, as the emulated slot asks for
   * @param commandLine as cmdline.txt of the card has it, but for the console
   */
  static powerOn(card: string, { kernel, deviceTrees, initrd }: RaspberryPiFiles, commandLine: string): RaspberryPi {
    const words = [
      ...['-M', 'raspi3b', '-accel', 'tcg,thread=multi', '-display', 'none', '-monitor', 'none', '-no-reboot'],
      ...['-kernel', kernel, '-dtb', `${deviceTrees}/bcm2837-rpi-3-b.dtb`, '-initrd', initrd, '-append', commandLine],
      ...['-drive', `if=sd,format=raw,file=${card}`],
      // The second serial port, the small UART, is the console of mainline device trees.
      ...['-serial', 'null', '-serial', 'stdio'],
    ];
    return new RaspberryPi(spawn('qemu-system-aarch64', words, { stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  get console(): string {
    return this.#console;
  }

  /** Waits until the console has shown something. @throws Error with the end of the console after the limit, in ms */
  async shows(expected: RegExp, limitMs: number): Promise<string> {
    const timer = new AbortController();
    try {
      return await new Promise((resolve, reject) => {
        const look = () => {
          const found = expected.exec(this.#console)?.[0];
          if (found !== undefined) resolve(found);
        };
        const late = setTimeout(
          () => reject(new Error(`no ${expected} on the console:\n${this.#console.slice(-3000)}`)),
          limitMs,
        );
        timer.signal.addEventListener('abort', () => clearTimeout(late));
        this.#heard = look;
        look();
      });
    } finally {
      timer.abort();
      this.#heard = () => undefined;
    }
  }

  /** Types a line at the console's shell. */
  type(line: string): void {
    this.#qemu.stdin.write(`${line}\n`);
  }

  async cutPower(): Promise<void> {
    this.#qemu.kill('SIGKILL');
    await this.#ended;
  }
}
