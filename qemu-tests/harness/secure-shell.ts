// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { RealAgent } from '../../app/test/support/ssh-agent.ts';
import type { Device } from './device.ts';
import { connectSoon } from './lines.ts';

export interface Remote {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const configuration = `
HostKey /run/ssh/host
AuthorizedKeysFile /run/ssh/authorized_keys
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
AllowAgentForwarding yes
`;

/** In its way with inetd, sshd(8) serves whoever is at its standard input. Such a port can be open once. */
const serve = `
for port in /sys/class/virtio-ports/*; do
  [ "$(cat "$port/name")" = line ] && break
done
mkdir -p /run/sshd
line=/dev/\${port##*/}
exec /usr/sbin/sshd -i -e -f /run/ssh/config <> $line >&0 2> /run/ssh/log
`;

/** OpenSSH's server on a device that has no network, and its client on this machine: over the second port, one session at a time. */
export class SecureShell {
  readonly #device: Device;
  readonly #agent: RealAgent;
  readonly #loginKey: string;
  readonly #line: Socket;
  readonly #server: Server;

  private constructor(parts: { device: Device; agent: RealAgent; loginKey: string; line: Socket; server: Server }) {
    this.#device = parts.device;
    this.#agent = parts.agent;
    this.#loginKey = parts.loginKey;
    this.#line = parts.line;
    this.#server = parts.server;
  }

  /** @param device that is up, with openssh-server on it */
  static async open(device: Device, agent: RealAgent): Promise<SecureShell> {
    const loginKey = agent.generate('login', 'ed25519');
    const hostKey = agent.generate('host', 'ed25519');
    await device.must('mkdir -p -m 700 /run/ssh; cat > /run/ssh/config', configuration);
    await device.must('umask 077; cat > /run/ssh/host', readFileSync(hostKey));
    await device.must('cat > /run/ssh/authorized_keys', readFileSync(`${loginKey}.pub`));
    // There is always somebody at this end: the guest reads the end of the file where nobody is.
    const line = await connectSoon(device.machine.linePath);
    line.on('error', () => undefined); // QEMU was ended
    const server = createServer((client) => {
      client.on('error', () => undefined); // ssh has gone, which its own end tells
      client.pipe(line, { end: false });
      line.pipe(client);
      client.once('close', () => line.unpipe(client));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SecureShell({ device, agent, loginKey, line, server });
  }

  /** Runs a script on the device as root. @param forwarding `-A`: with the agent, `-a`: without it */
  async run(forwarding: '-A' | '-a', script: string): Promise<Remote> {
    const serving = this.#device.run(serve);
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const quiet = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'BatchMode=yes',
      'ConnectTimeout=120',
    ];
    const identity = ['IdentitiesOnly=yes', `IdentityFile=${this.#loginKey}`];
    const options = [...quiet, ...identity].flatMap((option) => ['-o', option]);
    const words = ['-F', 'none', forwarding, ...options, '-p', String(port), 'root@127.0.0.1', script];
    const result = await ended('ssh', words, this.#agent.environment);
    await serving;
    return result;
  }

  /** What sshd said last. */
  async log(): Promise<string> {
    return await this.#device.must('cat /run/ssh/log');
  }

  close(): void {
    this.#line.destroy();
    this.#server.close();
  }
}

function ended(program: string, words: readonly string[], environment: NodeJS.ProcessEnv): Promise<Remote> {
  const child = spawn(program, words, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
