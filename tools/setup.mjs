// SPDX-License-Identifier: MIT
// Everything a fresh Debian machine lacks, brought once and checked in milliseconds afterwards. Runs on any Node from 18 on,
// because the machine's own may be old: the pinned ones come from npm packages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Debian packages that the tests need: independent oracles and what builds them. */
const testPackages = ['argon2', 'b3sum', 'gcc', 'libc6-dev', 'libssl-dev', 'mandoc', 'python3'];

export function say(text) {
  process.stderr.write(`\u2022 ${text}\n`);
}

/** Runs a command with its output visible; a failure ends this program with the command's exit code. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`${command} cannot be run: ${result.error.message}`);
  if (result.signal) fail(`${command} ${args.join(' ')} ended by ${result.signal}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

export function fail(text) {
  process.stderr.write(`error: ${text}\n`);
  process.exit(1);
}

/** Path of a pinned Node. @param major 22 or 24 */
export function pinnedNode(major) {
  const architecture = { x64: 'x64', arm64: 'arm64' }[process.arch];
  if (process.platform !== 'linux' || architecture === undefined) fail('this builds on Linux, x64 or arm64');
  return join(root, `node_modules/node-${major}-${architecture}/bin/node`);
}

/** Installs the npm packages of the lock file unless that was done already. */
export function installPackages() {
  const stamp = join(root, 'node_modules/.installed');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(pinnedNode(22))) return;
  say('installing the npm packages of package-lock.json, the pinned Node 22 and 24 among them (about a minute the first time)');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (!existsSync(pinnedNode(22))) fail('the pinned Node 22 is missing after npm ci; optional packages must not be omitted');
  writeFileSync(stamp, wanted);
}

/** Installs the Debian packages of the tests unless they are there. */
export function installTestPackages() {
  const { stdout } = spawnSync('dpkg-query', ['--status', ...testPackages], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const installed = new Set([...(stdout ?? '').matchAll(/^Package: (.+)\nStatus: .* installed$/gm)].map((match) => match[1]));
  const missing = testPackages.filter((name) => !installed.has(name));
  if (missing.length === 0) return;
  const prefix = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (prefix.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0) {
    fail(`the tests need Debian packages; install them with: sudo apt-get install ${missing.join(' ')}`);
  }
  say(`installing Debian packages for the tests: ${missing.join(' ')}`);
  const apt = (...args) => {
    const [command, ...rest] = [...prefix, 'apt-get', ...args];
    run(command, rest, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  apt('update', '-q');
  apt('install', '-qy', '--no-install-recommends', ...missing);
}

/** A directory for what can be made again; kept out of version control. */
export function cacheDirectory(name) {
  const path = join(root, '.cache', name);
  mkdirSync(path, { recursive: true });
  return path;
}
