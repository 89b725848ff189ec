// SPDX-License-Identifier: MIT
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connectClient, failureOf, readSecret } from './client.ts';
import { type DaemonName, type Device, password } from './device.ts';
import { lockForReaders } from './reader-lock.ts';

const passwordLine = `${password}\n`;
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];

/** An emulated device under a recorder of system calls takes its time. */
const patienceMs = 180_000;

/** The configuration of a device that `useEveryFunction` uses: its log is short, and clients are not slowed down. */
export const configuration = `
[global.audit]
max_bytes = 65536
max_files = 2
[global.rate_limit]
per_second = 100000
burst = 100000
[clients.service]
unit = "service"
credentials = { password = "name" }
`;

/** What was under way from when on, in Unix time in seconds. */
export interface Step {
  readonly name: string;
  readonly from: number;
}

type RunStep = (name: string, work: () => Promise<unknown>) => Promise<void>;

export interface EveryFunctionOptions {
  /** Whether the configuration of the device names a TPM with PCRs that are not zero. */
  readonly tpm?: boolean;
}

/** Starts the daemons of a device, uses every function of the product once, and what is rare, and ends them. @returns what was done when */
export async function useEveryFunction(device: Device, { tpm = false }: EveryFunctionOptions = {}): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const step: RunStep = async (name, work) => {
    steps.push({ name, from: Date.now() / 1000 });
    await work();
  };
  await step('starting', () => start(device));
  await useVault(device, step);
  if (tpm) await step('the TPM', () => useTpm(device));
  await useDaemons(device, step);
  return steps;
}

/** In the order in which daemon-secrets has to come back for the bus. */
async function start(device: Device): Promise<void> {
  const nobodyListens = { NOTIFY_SOCKET: join(device.home, 'notify'), WATCHDOG_USEC: '1000000' };
  device.launch('daemon-secrets', nobodyListens);
  await device.eventually('daemon-secrets is ready', () => / ready /.test(device.log('daemon-secrets')), patienceMs);
  device.launch('daemon-profile', nobodyListens);
  await device.answers();
}

async function useVault(device: Device, step: RunStep): Promise<void> {
  const must = (...args: string[]) => device.must(args, passwordLine);
  await step('init', () => must('init', '-p', 'device', '--factor', 'password', '--password-stdin', '--json'));
  await step('unlock', () => must('unlock', '-p', 'device', '--password-stdin'));
  await step('secrets', async () => {
    await device.must(['secret', 'set', '-p', 'device', 'name'], 'x'.repeat(60_000));
    await must('secret', 'list', '-p', 'device');
    await must('export', '-p', 'device', '--format', 'json');
    await must('secret', 'delete', '-p', 'device', 'name');
  });
  await step('many clients', () => manyClients(device));
  await step('answers that nobody reads', () => unreadAnswers(device));
  await step('credentials', () => askForCredential(device));
  await step('a busy vault', () => whileBusy(device));
  await step('factors', async () => {
    await device.must(['factor', 'list', '-p', 'device']);
    await device.must(['factor', 'remove', 'recovery', '-p', 'device', '--password-stdin'], passwordLine);
  });
  await step('rekey', () => must('rekey', '-p', 'device', '--password-stdin'));
}

async function useDaemons(device: Device, step: RunStep): Promise<void> {
  const must = (...args: string[]) => device.must(args, passwordLine);
  await step('keys', async () => {
    for (const key of ['bus', 'daemon-secrets']) await must('keys', 'rotate', key);
  });
  await step('audit', async () => {
    await must('audit', 'tail');
    await must('audit', 'verify');
  });
  await step('profiles', async () => {
    await must('profile', 'default', 'device');
    await must('profile', 'deactivate', 'device');
    await must('profile', 'activate', 'device');
  });
  await step('a new configuration', async () => {
    writeFileSync(join(device.configurationDirectory, 'config.toml'), '[global.logging]\nlevel = "debug"\n');
    for (const name of daemons) process.kill(device.pid(name), 'SIGHUP');
    await device.eventually(
      'it is in force',
      () => daemons.every((name) => device.log(name).includes('is in force')),
      patienceMs,
    );
  });
  await step('being stopped and continued', async () => {
    for (const signal of ['SIGSTOP', 'SIGCONT'] as const) {
      for (const name of daemons) process.kill(device.pid(name), signal);
      await wait(300);
    }
    await must('status');
  });
  await step('stopping', async () => {
    await device.end('daemon-secrets');
    await device.end('daemon-profile');
  });
}

async function useTpm(device: Device): Promise<void> {
  await device.must(['tpm', 'status']);
  await device.must(['tpm', 'enroll', '-p', 'device']);
  await device.must(['lock', '-p', 'device']);
  await device.must(['unlock', '-p', 'device', '--tpm']);
  await device.must(['tpm', 'pcrs', '-p', 'device']);
  await device.must(['tpm', 'reseal', '-p', 'device']);
}

async function manyClients(device: Device): Promise<void> {
  // Few at a time: a request has 10 s, much of which a recorder takes on a slow machine.
  const clients = await Promise.all(Array.from({ length: 4 }, () => connectClient(device)));
  await Promise.all(
    clients.map(async (client, index) => {
      const name = `name-${index}`;
      await client.request('secret-set', { profile: 'device', name }, Buffer.alloc(20_000, 1));
      for (let count = 0; count < 50; count += 1) await readSecret(client, 'device', name);
      for (let count = 0; count < 50; count += 1) await failureOf(readSecret(client, 'device', `${name}-${count}`));
    }),
  );
  await Promise.all(clients.map((client) => client.close()));
}

/** More at once than a socket holds, of daemon-secrets to daemon-profile, and of that to a client. */
async function unreadAnswers(device: Device): Promise<void> {
  const signal = (name: DaemonName, which: NodeJS.Signals): true => process.kill(device.pid(name), which);
  const client = await connectClient(device);
  await client.request('secret-set', { profile: 'device', name: 'long' }, Buffer.alloc(60_000, 1));
  signal('daemon-secrets', 'SIGSTOP');
  const answers = Promise.all(Array.from({ length: 12 }, () => readSecret(client, 'device', 'long')));
  await wait(1_000);
  signal('daemon-profile', 'SIGSTOP');
  signal('daemon-secrets', 'SIGCONT');
  await wait(4_000);
  signal('daemon-profile', 'SIGCONT');
  // This process reads nothing meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  await answers;
  await client.close();
}

/** Where nobody is told any, finding out who asks comes first. */
async function askForCredential(device: Device): Promise<void> {
  const socket = connect(join(device.runtimeDirectory, 'credentials.sock')).resume();
  await once(socket, 'end');
}

/** Another program has the vault's file to itself when a daemon opens it. */
async function whileBusy(device: Device): Promise<void> {
  const client = await connectClient(device);
  const idleCloseMs = 1_000;
  await wait(2 * idleCloseMs);
  const release = lockForReaders(join(device.stateDirectory, 'vaults/device.db'));
  setTimeout(release, 500);
  await readSecret(client, 'device', 'name-1');
  await client.close();
}
