// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import type { BusClient } from '../../src/bus/client.ts';
import { connectClient } from './client.ts';
import { Device, type Result } from './device.ts';

/** Why tests with clients of other users cannot run here, or false. */
export const otherUsersMissing: string | false = process.getuid?.() === 0 ? false : 'only root becomes another user';

export interface User {
  readonly uid: number;
  /** The uid's number when absent. */
  readonly gid?: number;
  /** Supplementary groups. */
  readonly groups?: readonly number[];
}

const checkout = join(import.meta.dirname, '../../..');

/** Lets other users reach the socket and the public key, as on a device: not the state and not the configuration. */
export function openToOthers(device: Device): void {
  chmodSync(device.home, 0o711);
  chmodSync(device.runtimeDirectory, 0o755);
}

/** A device for other users, with an open vault. */
export async function startForOthers(configuration: string): Promise<Device> {
  const device = new Device(configuration);
  openToOthers(device);
  await device.start();
  await device.initialise();
  return device;
}

/**
 * A connection of this process as the kernel reports it for another user: SO_PEERCRED has what the process was when it
 * connected. The handshake's prologue names the uid too, so that it must last as long.
 */
export async function connectAs(device: Device, { uid, gid = uid, groups = [] }: User): Promise<BusClient> {
  const before = process.getgroups?.() ?? [];
  process.setgroups?.([...groups]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return await connectClient(device);
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(before);
  }
}

/** Runs the work with a connection of another user. */
export async function asUser<Answer>(device: Device, user: User, work: (client: BusClient) => Promise<Answer>): Promise<Answer> {
  const client = await connectAs(device, user);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Runs `sesame` as another user. */
export async function sesameAs(
  device: Device,
  { uid, gid = uid, groups = [] }: User,
  args: readonly string[],
  input = '',
): Promise<Result> {
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, groups.length === 0 ? '--clear-groups' : `--groups=${groups.join()}`];
  const child = spawn('setpriv', [...identity, join(programsForAll(device), 'bin/sesame'), ...args], {
    env: device.environment,
    stdio: 'pipe',
  });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => undefined); // a command that is refused does not read its input
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout: Buffer.concat(stdout), stderr };
}

const copies = new Map<string, string>();

/** The programs where everybody can run them: a checkout in somebody's home is closed to others. */
export function programsForAll({ home }: Pick<Device, 'home'>): string {
  const built = join(checkout, 'dist');
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  if (spawnSync('setpriv', [...nobody, join(built, 'lib/node'), '--version']).status === 0) return built;
  const copy = copies.get(home) ?? join(home, 'dist');
  if (!copies.has(home)) cpSync(built, copy, { recursive: true, dereference: true });
  copies.set(home, copy);
  return copy;
}
