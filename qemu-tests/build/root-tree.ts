// SPDX-License-Identifier: MIT
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runProgram } from './program.ts';

export interface RootSources {
  /** Tar archive of the Debian packages. */
  readonly debian: string;
  /** What tools/build.mjs made for the device: bin/ and lib/. */
  readonly product: string;
  /** app/init/openrc. */
  readonly services: string;
  /** Files of this device alone, as they lie on it. */
  readonly overlay: string;
}

/** Which services are started in which runlevel. `plain` is the same device without Open Sesame, for comparison. */
const runlevels: Readonly<Record<string, readonly string[]>> = {
  sysinit: ['devfs', 'sysfs', 'cgroups'],
  boot: ['hostname', 'loopback', 'localmount', 'syslog'],
  default: ['open-sesame-node-cache', 'open-sesame-profile', 'open-sesame-secrets', 'device-agent'],
  plain: ['device-agent'],
  shutdown: ['killprocs'],
};

/** Programs of busybox that init, the services and the tests use. */
const applets =
  `[ ash awk base64 basename cat chmod chown clear cmp cp cut date dd df dirname dmesg du echo env expr false find free
getty grep halt head hexdump hostname id ifconfig init kill killall ln logger logread ls md5sum mkdir mkfifo mknod mktemp mount mv
nproc od pidof poweroff printf ps pwd readlink realpath reboot rm rmdir sed seq setsid sh sha256sum sleep sort stat stty sync
sysctl syslogd tail tar tee test time timeout top touch tr true truncate tty umount uname uniq uptime wc which xargs`.split(
    /\s+/,
  );

const emptyDirectories =
  'dev proc sys run tmp root mnt var/lib var/log etc/runlevels etc/conf.d etc/insserv.conf.d etc/insserv/overrides usr/lib usr/sbin'.split(
    ' ',
  );

/** What no daemon, service or test reads. */
const unwanted = [
  'etc/apt etc/cron.d etc/default etc/skel etc/update-motd.d etc/init.d/agetty etc/init.d/rc',
  'etc/init.d/rcS etc/init.d/savecache etc/runlevels usr/share/doc usr/share/man usr/share/locale usr/share/info usr/share/lintian',
  'usr/share/bash-completion usr/share/zsh usr/share/bug usr/share/perl5 usr/share/gcc usr/share/pam usr/share/debconf',
  'usr/lib/aarch64-linux-gnu/gconv usr/lib/aarch64-linux-gnu/e2fsprogs usr/lib/aarch64-linux-gnu/perl-base usr/bin/perl usr/lib/apt',
  'var/cache var/lib/dpkg var/lib/apt var/lib/pam boot home media opt srv usr/games',
]
  .join(' ')
  .split(' ');

/** Puts the device's root file system together in a directory. */
export async function assembleRoot(directory: string, { debian, product, services, overlay }: RootSources): Promise<void> {
  mkdirSync(directory, { recursive: true });
  await runProgram('tar', ['-x', '-f', debian, '-C', directory, '--no-same-owner', '--exclude=./dev/*']);
  for (const path of unwanted) rmSync(join(directory, path), { recursive: true, force: true });
  for (const path of emptyDirectories) mkdirSync(join(directory, path), { recursive: true });
  linkApplets(directory);
  cpSync(overlay, directory, { recursive: true });
  installServices(directory, services);
  await installProduct(directory, product);
  linkRunlevels(directory);
  requireNoSecrets(directory);
}

function linkApplets(directory: string): void {
  const busybox = readFileSync(join(directory, 'bin/busybox'), 'latin1');
  const missing = applets.filter((applet) => !busybox.includes(`\0${applet}\0`));
  if (missing.length > 0) throw new Error(`this busybox has no ${missing.join(', ')}`);
  for (const applet of applets) link(directory, '/bin/busybox', applet === 'init' ? 'sbin/init' : `bin/${applet}`);
  link(directory, '/bin/busybox', 'sbin/syslogd');
  link(directory, '/bin/busybox', 'sbin/reboot');
  link(directory, '/bin/busybox', 'sbin/poweroff');
  link(directory, '/run', 'var/run');
  link(directory, '/proc/self/mounts', 'etc/mtab');
}

/** As the packages for OpenRC place them. */
function installServices(directory: string, services: string): void {
  for (const part of ['init.d', 'conf.d']) cpSync(join(services, part), join(directory, 'etc', part), { recursive: true });
  cpSync(join(services, 'lib'), join(directory, 'usr/lib/open-sesame/openrc'), { recursive: true });
}

async function installProduct(directory: string, product: string): Promise<void> {
  const target = join(directory, 'usr/lib/open-sesame');
  cpSync(join(product, 'bin'), join(target, 'bin'), { recursive: true });
  cpSync(join(product, 'lib'), join(target, 'lib'), { recursive: true, filter: (path) => !path.endsWith('/lib/node') });
  await runProgram('aarch64-linux-gnu-strip', ['-o', join(target, 'lib/node'), realpathSync(join(product, 'lib/node'))]);
  chmodSync(join(target, 'lib/node'), 0o755);
  link(directory, '/usr/lib/open-sesame/bin/sesame', 'usr/bin/sesame');
}

function linkRunlevels(directory: string): void {
  for (const [runlevel, names] of Object.entries(runlevels)) {
    mkdirSync(join(directory, 'etc/runlevels', runlevel), { recursive: true });
    for (const name of names) {
      if (!existsSync(join(directory, 'etc/init.d', name)))
        throw new Error(`runlevel ${runlevel} names ${name}, and there is no such service`);
      link(directory, `/etc/init.d/${name}`, `etc/runlevels/${runlevel}/${name}`);
    }
  }
}

/** An image is the same on every device: what must differ is made on the device. */
function requireNoSecrets(directory: string): void {
  const forbidden = /(\.key|\.pem|_rsa|_ed25519|\.salt|-wrap|\.db|machine-id|random-seed|installation\.toml)$/;
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) => forbidden.test(path));
  if (found.length > 0) throw new Error(`the image must hold no key or identity: ${found.join(', ')}`);
  if (/^root:[^:x*!]/m.test(readFileSync(join(directory, 'etc/passwd'), 'utf8')))
    throw new Error('the image must hold no password');
}

function link(directory: string, target: string, path: string): void {
  const place = join(directory, path);
  mkdirSync(dirname(place), { recursive: true });
  rmSync(place, { recursive: true, force: true });
  symlinkSync(target, place);
}
