// SPDX-License-Identifier: MIT
// `npm run host`: from a fresh checkout to a first secret stored and read, in a private directory, with nothing installed on the
// machine. On a terminal the daemons then stay until Ctrl-C; elsewhere they stop and the directory is removed.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory, fail, installPackages, pinnedNode, root, run, say } from './setup.mjs';

const profile = 'device';
const interactive = process.stdin.isTTY === true && process.stdout.isTTY === true;
const bin = (name) => join(root, 'dist/bin', name);

installPackages();
run(pinnedNode(22), ['tools/build.mjs']);

const home = interactive ? cacheDirectory('host') : mkdtempSync(join(tmpdir(), 'open-sesame-'));
const environment = { ...process.env };
for (const [variable, directory] of Object.entries({ PDS_CONFIG_DIR: 'etc', PDS_STATE_DIR: 'state', PDS_RUNTIME_DIR: 'run' })) {
  environment[variable] = join(home, directory);
  mkdirSync(environment[variable], { recursive: true, mode: 0o700 });
}

const daemons = ['daemon-profile', 'daemon-secrets'].map((name) => {
  say(`starting ${name}`);
  const child = spawn(bin(name), [], { env: environment, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  child.on('exit', (code, signal) => {
    if (!stopping) {
      stopping = true;
      process.stderr.write(`error: ${name} ended with ${signal ?? code}\n`);
      void stop(1);
    }
  });
  return child;
});
let stopping = false;

/** daemon-secrets first: what it still has to report goes over the bus. */
async function stop(code) {
  stopping = true;
  for (const child of daemons.toReversed()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await gone;
  }
  if (!interactive) rmSync(home, { recursive: true, force: true });
  process.exit(code);
}

/** Runs the command as a person would, shows it, and ends everything when it fails. */
function sesame(args, input) {
  process.stdout.write(`\n$ sesame ${args.join(' ')}\n`);
  const stdio = [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'];
  const { status } = spawnSync(bin('sesame'), args, { env: environment, input, stdio });
  if (status !== 0) {
    process.stderr.write(`error: sesame ${args[0]} ended with ${status}\n`);
    void stop(status ?? 1);
    return false;
  }
  return true;
}

async function answering() {
  for (let attempt = 0; attempt < 100 && !stopping; attempt += 1) {
    const { status } = spawnSync(bin('sesame'), ['status', '--json'], { env: environment, stdio: 'ignore' });
    if (status === 0) return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}

async function main() {
  if (!(await answering())) return stopping ? undefined : fail('the daemons did not answer within 10 s');
  const password = interactive ? undefined : Buffer.from(`${randomBytes(18).toString('base64')}\n`);
  const fresh = !existsSync(join(environment.PDS_STATE_DIR, 'vaults', `${profile}.db`));
  const fromStandardInput = interactive ? [] : ['--password-stdin'];
  const steps = [
    () =>
      !fresh ||
      sesame(
        ['init', '-p', profile, '--factor', 'password', ...fromStandardInput, ...(interactive ? [] : ['--no-recovery-key'])],
        password,
      ),
    () => sesame(['unlock', '-p', profile, ...fromStandardInput], password),
    () => sesame(['secret', 'set', '-p', profile, 'mqtt/password'], Buffer.from('correct horse battery staple')),
    () => sesame(['secret', 'get', '-p', profile, 'mqtt/password']),
    () => sesame(['status']),
  ];
  for (const step of steps) if (!step()) return;
  process.stdout.write('\n');
  if (!interactive) return stop(0);
  say('the daemons run until Ctrl-C; in another terminal:');
  for (const variable of ['PDS_CONFIG_DIR', 'PDS_STATE_DIR', 'PDS_RUNTIME_DIR'])
    process.stdout.write(`export ${variable}=${environment[variable]}\n`);
  process.stdout.write(`${bin('sesame')} secret list -p ${profile}\n`);
}

process.on('SIGINT', () => stop(130));
process.on('SIGTERM', () => stop(143));
await main();
