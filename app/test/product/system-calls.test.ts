// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { callsOf, type Phase, type SystemCallEntry } from '../../src/daemons/sandbox/system-calls.ts';
import { systemCallNumber } from '../../src/linux/seccomp-numbers.ts';
import { connectClient, failureOf, readSecret } from '../support/client.ts';
import { type DaemonName, Device, hasProgram, password } from '../support/device.ts';
import { readTrace, recorder, type TracedCall } from '../support/system-call-trace.ts';

const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
const passwordLine = `${password}\n`;
const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const loggingToTheEnd =
  '[global.audit]\nmax_bytes = 65536\nmax_files = 2\n[global.rate_limit]\nper_second = 100000\nburst = 100000\n';
const withCredentials = '[clients.service]\nunit = "service"\ncredentials = { password = "name" }\n';

/** What was under way when. */
const steps: { readonly name: string; readonly from: number }[] = [];
let traces: Readonly<Record<DaemonName, readonly TracedCall[]>>;

describe('the list of system calls', { skip: !hasProgram('strace') && 'install the Debian package strace' }, () => {
  let recordings: string;

  before(async () => {
    recordings = mkdtempSync(join(tmpdir(), 'open-sesame-traces-'));
    const path = (name: DaemonName) => join(recordings, name);
    const device = new Device(`${loggingToTheEnd}${withCredentials}`, { through: (name) => recorder(path(name)) });
    try {
      await useEverything(device);
    } finally {
      await device.dispose();
    }
    traces = { 'daemon-profile': readTrace(path('daemon-profile')), 'daemon-secrets': readTrace(path('daemon-secrets')) };
  });
  after(() => rmSync(recordings, { recursive: true, force: true }));

  for (const daemon of daemons) {
    it(`has nothing for ${daemon} that no function of the product uses`, (context) => {
      const calls = confined(traces[daemon]);
      const entries = present(listed(daemon, 'starting')).filter(({ unseen }) => unseen === undefined);
      for (const { name } of entries) context.diagnostic(`${name}: ${lastUse(calls, name)}`);
      const unused = entries.filter(({ name }) => !calls.some((call) => call.name === name));
      assert.deepEqual(namesOf(unused), []);
    });

    it(`leaves ${daemon} nothing of its start once it is ready`, () => {
      const calls = ready(confined(traces[daemon]));
      const kept = present(listed(daemon, 'ready')).filter(({ unseen }) => unseen === undefined);
      assert.deepEqual(namesOf(kept.filter(({ name }) => !calls.some((call) => call.name === name))), []);
    });

    it(`refuses ${daemon} nothing that it cannot do without`, (context) => {
      const allowed = new Set<string>(namesOf(listed(daemon, 'ready')));
      const refused = new Set(
        confined(traces[daemon])
          .filter(isRefused)
          .map(({ name }) => name),
      );
      const others = [...refused].filter((name) => !allowed.has(name));
      context.diagnostic(`refused: ${others.join(', ')}`);
      // Newer ways of what it does in an older one, and an attribute of a terminal.
      assert.deepEqual(
        others.filter((name) => !['clone3', 'io_uring_setup'].includes(name)),
        [],
      );
    });
  }
});

async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  steps.push({ name, from: Date.now() / 1000 });
  await work();
}

/** Every function of the product once, and what is rare. */
async function useEverything(device: Device): Promise<void> {
  const nobodyListens = { NOTIFY_SOCKET: join(device.home, 'notify'), WATCHDOG_USEC: '1000000' };
  const must = (...args: string[]) => device.must(args, passwordLine);
  await step('starting', async () => {
    // In the order in which daemon-secrets has to come back for the bus.
    device.launch('daemon-secrets', nobodyListens);
    await device.eventually('daemon-secrets is ready', () => / ready /.test(device.log('daemon-secrets')));
    device.launch('daemon-profile', nobodyListens);
    await device.answers();
  });
  await step('init', () => must('init', '-p', 'device', '--factor', 'password', '--password-stdin', '--json'));
  await step('unlock', () => must('unlock', '-p', 'device', '--password-stdin'));
  await step('secrets', async () => {
    await device.must(['secret', 'set', '-p', 'device', 'name'], 'x'.repeat(60_000));
    await must('secret', 'list', '-p', 'device');
    await must('export', '-p', 'device', '--format', 'json');
    await must('secret', 'delete', '-p', 'device', 'name');
  });
  await step('many clients', () => manyClients(device));
  await step('credentials', () => askForCredential(device));
  await step('a busy vault', () => whileBusy(device));
  await step('factors', async () => {
    await device.must(['factor', 'list', '-p', 'device']);
    await device.must(['factor', 'remove', 'recovery', '-p', 'device', '--password-stdin'], passwordLine);
  });
  await step('rekey', () => must('rekey', '-p', 'device', '--password-stdin'));
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
    await device.eventually('it is in force', () => daemons.every((name) => device.log(name).includes('is in force')));
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

async function manyClients(device: Device): Promise<void> {
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectClient(device)));
  await Promise.all(
    clients.map(async (client, index) => {
      const name = `name-${index}`;
      await client.request('secret-set', { profile: 'device', name }, Buffer.alloc(20_000, 1));
      for (let count = 0; count < 20; count += 1) await readSecret(client, 'device', name);
      for (let count = 0; count < 20; count += 1) await failureOf(readSecret(client, 'device', `${name}-${count}`));
    }),
  );
  // More answers at once than a socket holds.
  const [eager] = clients;
  assert.ok(eager !== undefined);
  const answers = Promise.all(Array.from({ length: 100 }, () => readSecret(eager, 'device', 'name-0')));
  await wait(20);
  // Nobody reads them meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  await answers;
  await Promise.all(clients.map((client) => client.close()));
}

/** Where nobody is told any, finding out who asks comes first. */
async function askForCredential(device: Device): Promise<void> {
  const socket = connect(join(device.runtimeDirectory, 'credentials.sock')).resume();
  await once(socket, 'end');
}

/** Takes the range of bytes that SQLite locks to read, for half a second. */
const locker = `
import fcntl, sys, time
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX, 510, 0x40000002)
print("locked", flush=True)
time.sleep(0.5)
`;

/** Another program has the vault's file to itself when a daemon opens it. */
async function whileBusy(device: Device): Promise<void> {
  const client = await connectClient(device);
  const idleCloseMs = 1_000;
  await wait(2 * idleCloseMs);
  const other = spawn('python3', ['-c', locker, join(device.stateDirectory, 'vaults/device.db')]);
  await once(other.stdout, 'data');
  await readSecret(client, 'device', 'name-1');
  await client.close();
}

/** From the filter of stage 0 on. */
function confined(calls: readonly TracedCall[]): readonly TracedCall[] {
  const [first] = filters(calls);
  assert.ok(first !== undefined, 'stage 0 sets a filter');
  return calls.slice(calls.indexOf(first) + 1);
}

/** From the filter of the daemon that is ready on. */
function ready(calls: readonly TracedCall[]): readonly TracedCall[] {
  const [second] = filters(calls);
  assert.ok(second !== undefined, 'the daemon sets a second filter');
  return calls.slice(calls.indexOf(second) + 1);
}

function filters(calls: readonly TracedCall[]): TracedCall[] {
  return calls.filter(({ name, rest }) => name === 'seccomp' && rest.startsWith('SECCOMP_SET_MODE_FILTER'));
}

function isRefused({ rest }: TracedCall): boolean {
  return /= -1 (EPERM|ENOSYS)/.test(rest);
}

function present(entries: readonly SystemCallEntry[]): SystemCallEntry[] {
  return entries.filter(({ name }) => systemCallNumber(name, architecture) !== undefined);
}

function listed(daemon: DaemonName, phase: Phase): SystemCallEntry[] {
  return callsOf({ daemon, phase, emulatedTpm: false, pid: process.pid }, architecture);
}

function namesOf(entries: readonly SystemCallEntry[]): string[] {
  return [...new Set(entries.map(({ name }) => name))];
}

function lastUse(calls: readonly TracedCall[], name: string): string {
  const last = calls.findLast((call) => call.name === name);
  if (last === undefined) return 'never used';
  return `last used in "${steps.findLast(({ from }) => from <= last.time)?.name ?? 'before'}"`;
}
