// SPDX-License-Identifier: MIT
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { InitSystem } from './init-system.ts';
import { runProgram } from './program.ts';

export interface RootSources {
  /** Tar archive of the Debian packages. */
  readonly debian: string;
  /** The unpacked release in release/, and in guest/ what tools/build.mjs made of the programs of the tests. */
  readonly product: string;
  /** Files of the tests' devices alone, as they lie on them. */
  readonly common: string;
  readonly init: InitSystem;
}

/** Programs of busybox that init, the services and the tests use. */
const applets =
  `[ ash awk base64 basename cat chmod chown clear cmp cp cut date dd df dirname dmesg du echo env expr false find free
getty grep halt head hexdump hostname id ifconfig init kill killall ln logger logread ls md5sum mkdir mkfifo mknod mktemp mount mv
nproc od pidof poweroff printf ps pwd readlink realpath reboot rm rmdir sed seq setsid sh sha256sum sleep sort stat stty sync
sysctl syslogd tail tar tee test time timeout top touch tr true truncate tty umount uname uniq uptime wc which xargs`.split(
    /\s+/,
  );

const emptyDirectories = 'dev proc sys run tmp root mnt var/lib var/log etc/conf.d usr/lib usr/sbin'.split(' ');

/** What no daemon, service or test reads. */
const unwanted = [
  'etc/apt etc/cron.d etc/default etc/skel etc/update-motd.d',
  'usr/share/doc usr/share/man usr/share/locale usr/share/info usr/share/lintian',
  'usr/share/bash-completion usr/share/zsh usr/share/bug usr/share/perl5 usr/share/gcc usr/share/pam usr/share/debconf',
  'usr/lib/aarch64-linux-gnu/gconv usr/lib/aarch64-linux-gnu/e2fsprogs usr/lib/aarch64-linux-gnu/perl-base usr/bin/perl usr/lib/apt',
  'var/cache var/lib/dpkg var/lib/apt var/lib/pam boot home media opt srv usr/games',
]
  .join(' ')
  .split(' ');

/** Puts the device's root file system together in a directory. */
export async function assembleRoot(directory: string, { debian, product, common, init }: RootSources): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await runProgram('tar', ['-x', '-f', debian, '-C', directory, '--no-same-owner', '--exclude=./dev/*']);
  for (const path of [...unwanted, ...init.unwanted]) rmSync(join(directory, path), { recursive: true, force: true });
  for (const path of emptyDirectories) mkdirSync(join(directory, path), { recursive: true });
  linkApplets(directory);
  cpSync(common, directory, { recursive: true });
  await installProduct(directory, product, init);
  init.install(directory);
  requireNoSecrets(directory);
}

function linkApplets(directory: string): void {
  const busybox = readFileSync(join(directory, 'bin/busybox'), 'latin1');
  const missing = applets.filter((applet) => !busybox.includes(`\0${applet}\0`));
  if (missing.length > 0) throw new Error(`this busybox has no ${missing.join(', ')}`);
  for (const applet of applets) linkIn(directory, '/bin/busybox', applet === 'init' ? 'sbin/init' : `bin/${applet}`);
  linkIn(directory, '/bin/busybox', 'sbin/syslogd');
  linkIn(directory, '/bin/busybox', 'sbin/reboot');
  linkIn(directory, '/bin/busybox', 'sbin/poweroff');
  linkIn(directory, '/run', 'var/run');
  linkIn(directory, '/proc/self/mounts', 'etc/mtab');
}

/** As the image systems install it; Node and the programs of the tests are put beside it. */
async function installProduct(directory: string, product: string, init: InitSystem): Promise<void> {
  const parts = 'common,profile,secrets,cli,update-hooks';
  const words = [join(product, 'release/install.sh'), '--parts', parts, '--init', init.services, '--node', '/usr/bin/node'];
  await runProgram('sh', words, { environment: { ...process.env, DESTDIR: directory } });
  bePatient(directory);
  const guest = join(product, 'guest');
  const node = join(directory, 'usr/bin/node');
  await runProgram('aarch64-linux-gnu-strip', ['-o', node, realpathSync(join(guest, 'lib/node'))]);
  chmodSync(node, 0o755);
  for (const name of readdirSync(join(import.meta.dirname, '../guest')).map((file) => basename(file, '.ts'))) {
    cpSync(join(guest, 'bin', name), join(directory, 'usr/lib/open-sesame/bin', name));
    cpSync(join(guest, `lib/${name}.cjs`), join(directory, `usr/lib/open-sesame/lib/${name}.cjs`));
  }
}

/** Settings of the services, of OpenRC and of the inits without supervision. */
const settings = ['etc/conf.d', 'etc/default'].flatMap((place) =>
  ['open-sesame-profile', 'open-sesame-secrets'].map((name) => join(place, name)),
);

/** In seconds. An emulated device on a busy machine is twenty times slower than an ordinary one, and its daemons do not hang. */
const readyTimeout = 300;

function bePatient(directory: string): void {
  for (const path of settings.map((name) => join(directory, name)).filter((path) => existsSync(path)))
    appendFileSync(path, `\n# Set for an emulated device.\nready_timeout="${readyTimeout}"\n`);
}

/** An image is the same on every device: what must differ is made on the device. */
function requireNoSecrets(directory: string): void {
  const forbidden = /(\.key|\.pem|_rsa|_ed25519|\.salt|-wrap|\.db|machine-id|random-seed|installation\.toml)$/;
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => forbidden.test(path))
    // An empty machine-id(5) is filled at each boot.
    .filter((path) => lstatSync(join(directory, path)).size > 0);
  if (found.length > 0) throw new Error(`the image must hold no key or identity: ${found.join(', ')}`);
  if (/^root:[^:x*!]/m.test(readFileSync(join(directory, 'etc/passwd'), 'utf8')))
    throw new Error('the image must hold no password');
}

/** A symbolic link inside a root file system that lies in a directory. */
export function linkIn(root: string, target: string, path: string): void {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  rmSync(place, { recursive: true, force: true });
  symlinkSync(target, place);
}
