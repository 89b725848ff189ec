// SPDX-License-Identifier: MIT
// Everything a fresh Debian machine lacks, brought once and checked in milliseconds afterwards. Runs on any Node from 18 on,
// because the machine's own may be old: the pinned ones come from npm packages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Debian packages of the tests: independent oracles and what builds them. */
export const testPackages = [
  'argon2',
  'b3sum',
  'binutils',
  'fish',
  'gcc',
  'libc6-dev',
  'libssl-dev',
  'libtss2-esys-3.0.2-0',
  'libtss2-rc0',
  'libtss2-tctildr0',
  'mandoc',
  'musl',
  'openssh-client',
  'openssh-server',
  'openssl',
  'python3',
  'python3-venv',
  'rauc',
  'shellcheck',
  'strace',
  'systemd',
  'swtpm',
  'tpm2-tools',
  'zsh',
];

/** Debian packages that build the device and emulate it. */
export const devicePackages = [
  ...[
    'bc',
    'binutils-aarch64-linux-gnu',
    'bison',
    'cpio',
    'cryptsetup-bin',
    'e2fsprogs',
    'flex',
    'gcc',
    'gcc-aarch64-linux-gnu',
    'libc6-dev',
    'libssl-dev',
  ],
  ...['linux-source-6.12', 'make', 'mmdebstrap', 'qemu-efi-aarch64', 'qemu-system-arm', 'squashfs-tools', 'swtpm', 'xz-utils'],
  ...['bmap-tools', 'cpio', 'dosfstools', 'fdisk', 'genimage', 'mtools'],
];

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
  // Not `npm ci`: it refuses a lock file that lacks an optional package for some other platform, and not every registry has them
  // all. What the lock file names is installed as it says. The warnings left out are about the machine's own Node.
  run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  if (!existsSync(pinnedNode(22))) fail('the pinned Node 22 is missing after npm install; optional packages must not be omitted');
  writeFileSync(stamp, wanted);
}

/**
 * The directory whose node_modules holds Node and the native modules that come as packages of their own for a target: this checkout
 * for the machine's own, for another one a directory in the cache, with versions and integrity from the lock file. There is no Node
 * for musl.
 * @param architecture as Node names it: x64 or arm64
 * @param libc gnu or musl
 */
export function installTargetPackages({ architecture, libc }) {
  if (architecture === process.arch && libc === 'gnu') return root;
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const names = [
    ...(libc === 'gnu' ? [`node-22-${architecture}`] : []),
    `@node-rs/argon2-linux-${architecture}-${libc}`,
    `@yuuang/ffi-rs-linux-${architecture}-${libc}`,
  ];
  const entries = names.map((name) => [`node_modules/${name}`, { ...lock.packages[`node_modules/${name}`], optional: false }]);
  const dependencies = Object.fromEntries(
    names.map((name, index) => {
      const { name: alias, version } = entries[index][1];
      return [name, alias === undefined ? version : `npm:${alias}@${version}`];
    }),
  );
  const project = { name: `packages-${architecture}`, version: '0.0.0', dependencies };
  const files = {
    'package.json': JSON.stringify(project),
    'package-lock.json': JSON.stringify({
      ...project,
      lockfileVersion: 3,
      packages: { '': project, ...Object.fromEntries(entries) },
    }),
  };
  const key = createHash('sha256').update(files['package-lock.json']).digest('hex').slice(0, 16);
  const directory = cacheDirectory(`packages-${architecture}-${key}`);
  const stamp = join(directory, '.installed');
  if (existsSync(stamp)) return directory;
  say(`installing the native modules for ${architecture} with ${libc} (about 10 s)`);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const target = ['--force', '--cpu', architecture, '--os', 'linux', '--libc', libc === 'gnu' ? 'glibc' : libc];
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...target], { cwd: directory });
  writeFileSync(stamp, '');
  return directory;
}

/** Installs Debian packages unless they are there. @param purpose what needs them, for the messages */
export function installDebianPackages(packages, purpose) {
  const { stdout } = spawnSync('dpkg-query', ['--status', ...packages], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const installed = new Set([...(stdout ?? '').matchAll(/^Package: (.+)\nStatus: .* installed$/gm)].map((match) => match[1]));
  const missing = packages.filter((name) => !installed.has(name));
  if (missing.length === 0) return;
  const prefix = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (prefix.length > 0 && spawnSync('sudo', ['-n', 'true']).status !== 0) {
    fail(`${purpose} need Debian packages; install them with: sudo apt-get install ${missing.join(' ')}`);
  }
  say(`installing Debian packages for ${purpose}: ${missing.join(' ')}`);
  const apt = (...args) => {
    const [command, ...rest] = [...prefix, 'apt-get', ...args];
    run(command, rest, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  apt('update', '-q');
  apt('install', '-qy', '--no-install-recommends', ...missing);
}

/** Installs the programs of tools/python-tools.txt, which tests use as oracles, to .cache/python-tools unless that was done already. */
export function installPythonTools() {
  const wanted = readFileSync(join(root, 'tools/python-tools.txt'), 'utf8');
  const directory = join(root, '.cache/python-tools');
  const stamp = join(directory, 'installed.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing the Python programs of tools/python-tools.txt (about 30 s)');
  run('python3', ['-m', 'venv', '--clear', directory]);
  const quietly = ['--quiet', '--disable-pip-version-check', '--no-deps'];
  run(join(directory, 'bin/pip'), ['install', ...quietly, '--requirement', join(root, 'tools/python-tools.txt')]);
  writeFileSync(stamp, wanted);
}

/** A directory for what can be made again; kept out of version control. */
export function cacheDirectory(name) {
  const path = join(root, '.cache', name);
  mkdirSync(path, { recursive: true });
  return path;
}
