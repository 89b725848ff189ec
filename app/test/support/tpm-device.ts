// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { SoftwareTpm } from './swtpm.ts';

/** Joins a pseudo-terminal in raw mode to the socket of a TPM: a device file, as far as who opens it can tell. */
const program = `
import os, select, socket, sys, tty
master, slave = os.openpty()
tty.setraw(master); tty.setraw(slave)
chip = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
print(os.ttyname(slave), flush=True)
while True:
    for ready in select.select([master, chip], [], [])[0]:
        if ready is chip:
            data = chip.recv(65536)
            if not data: sys.exit()
            os.write(master, data)
        else:
            chip.sendall(os.read(master, 65536))
`;

/** A TPM behind a device file, for the transport that real ones have. */
export class TpmDevice {
  readonly #relay: ChildProcess;
  readonly path: string;

  private constructor(relay: ChildProcess, path: string) {
    this.#relay = relay;
    this.path = path;
  }

  static async start(chip: SoftwareTpm): Promise<TpmDevice> {
    const relay = spawn('python3', ['-c', program, String(chip.port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [path]: Buffer[] = await once(relay.stdout, 'data');
    return new TpmDevice(relay, path?.toString().trim() ?? '');
  }

  get tcti(): string {
    return `device:${this.path}`;
  }

  stop(): void {
    this.#relay.kill();
  }
}
