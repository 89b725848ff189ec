// SPDX-License-Identifier: MIT
// `npm start`: builds the device, boots it, and does on it what an operator does. On a terminal it then hands over the device's
// console; elsewhere it powers the device off. `npm start -- --keep DIRECTORY` keeps data partition and TPM for the next time.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeDataPartition } from './build/data-partition.ts';
import { buildDevice } from './build/device.ts';
import { Machine } from './harness/machine.ts';

const profile = 'device';
const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true;

/** Ctrl-], which no shell wants. */
const leave = 0x1d;

function say(text: string): void {
  process.stderr.write(`\u2022 ${text}\n`);
}

/** Everything that the device writes to its serial console, as it comes. */
function showConsole(machine: Machine): { stop(): void } {
  const socket = connect(machine.terminalPath);
  socket.on('data', (chunk) => process.stdout.write(chunk));
  socket.on('error', () => undefined); // the device ended
  return { stop: () => socket.destroy() };
}

/** @throws Error when the command fails */
async function onDevice(machine: Machine, command: string, input = ''): Promise<void> {
  process.stdout.write(`\n# ${command}\n`);
  const { code, stdout, stderr } = await machine.agent.run(command, input);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

async function demonstrate(machine: Machine): Promise<void> {
  const password = randomBytes(18).toString('base64');
  await onDevice(machine, 'rc-status default');
  await onDevice(machine, `sesame init -p ${profile} --factor password --password-stdin`, `${password}\n`);
  await onDevice(machine, `sesame unlock -p ${profile} --password-stdin`, `${password}\n`);
  await onDevice(machine, `sesame secret set -p ${profile} mqtt_password`, 'correct horse battery staple');
  await onDevice(machine, `sesame secret get -p ${profile} mqtt_password`);
  process.stdout.write('\n');
  await onDevice(machine, 'sesame status');
  say(`the password of this vault: ${password}`);
}

/** The terminal becomes the device's console until it powers off or Ctrl-] is pressed. */
async function handOver(machine: Machine): Promise<void> {
  say('this is the console of the device; "poweroff" or Ctrl-] ends it');
  const socket = connect(machine.terminalPath);
  socket.on('error', () => undefined); // the device ended
  process.stdin.setRawMode(true);
  process.stdin.on('data', (keys: Buffer) => {
    if (keys.includes(leave)) socket.destroy();
    else socket.write(keys);
  });
  socket.pipe(process.stdout);
  socket.write('\n');
  await new Promise((resolve) => socket.once('close', resolve));
  process.stdin.setRawMode(false);
  process.stdin.destroy();
}

const { keep } = parseArgs({ options: { keep: { type: 'string' } } }).values;
const image = await buildDevice(say);
const directory = keep === undefined ? mkdtempSync(join(tmpdir(), 'open-sesame-device-')) : resolve(keep);
let failed = false;
try {
  mkdirSync(directory, { recursive: true });
  const data = join(directory, 'data.img');
  const known = existsSync(data);
  if (!known) await makeDataPartition(data);
  say('power on: Linux, OpenRC, the daemons (about 15 s under emulation)');
  const machine = await Machine.powerOn(image, { data, directory, append: 'loglevel=6' });
  try {
    const console = showConsole(machine);
    await machine.agent.ready();
    say(`up after ${((performance.now() - machine.poweredOnAt) / 1000).toFixed(1)} s`);
    console.stop();
    if (known) await onDevice(machine, 'sesame status');
    else await demonstrate(machine);
    if (interactive) await handOver(machine);
  } finally {
    say('power off');
    if (machine.running) await machine.powerOff();
  }
} catch (thrown) {
  failed = true;
  process.stderr.write(`error: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
} finally {
  if (keep === undefined) rmSync(directory, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
