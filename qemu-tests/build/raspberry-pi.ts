// SPDX-License-Identifier: MIT
import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { artefact, contentKey, type Say } from './artefact.ts';
import { runProgram } from './program.ts';

const suite = 'bookworm';
const packages = ['linux-image-arm64', 'raspi-firmware', 'busybox-static'];

/** Modules that find the root on a card, each after those that it needs. */
const modules = [
  ...['sdhci', 'sdhci-pltfm', 'sdhci-iproc', 'bcm2835', 'squashfs'],
  ...['crc16', 'crc32c_generic', 'libcrc32c', 'mbcache', 'jbd2', 'ext4'],
];

/** What a Raspberry Pi boots besides our own root file system: firmware, Debian's kernel, its device trees and modules. */
export interface RaspberryPiFiles {
  /** Files of the GPU's firmware: bootcode.bin, start_cd.elf, fixup_cd.dat. */
  readonly firmware: string;
  readonly kernel: string;
  readonly deviceTrees: string;
  /** Initial RAM disk: Debian's kernel has the card's driver as a module. */
  readonly initrd: string;
}

/** Unpacks Debian's packages for the Raspberry Pi; nothing of theirs is run. */
export async function raspberryPiFiles(cache: string, say: Say): Promise<RaspberryPiFiles> {
  const directory = await artefact({
    cache,
    name: 'raspberry-pi',
    key: contentKey(suite, ...packages, ...modules, init),
    announcement: 'unpacking firmware and kernel of the Raspberry Pi (about 20 s)',
    say,
    make: unpack,
  });
  return {
    firmware: join(directory, 'firmware'),
    kernel: join(directory, 'Image'),
    deviceTrees: join(directory, 'device-trees'),
    initrd: join(directory, 'initrd'),
  };
}

async function unpack(path: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'open-sesame-pi-'));
  try {
    const tar = join(work, 'packages.tar');
    const options = ['--variant=extract', '--architectures=arm64', '--components=main,non-free-firmware', '--format=tar'];
    await runProgram('mmdebstrap', [...options, `--include=${packages.join(',')}`, suite, tar]);
    const wanted = ['./boot/vmlinuz-*', './usr/lib/linux-image-*/broadcom/*', './usr/lib/raspi-firmware/*', './bin/busybox'];
    const drivers = modules.map((name) => `./lib/modules/*/${name}.ko`);
    await runProgram('tar', ['-x', '-f', tar, '-C', work, '--wildcards', ...wanted, ...drivers]);
    mkdirSync(join(path, 'firmware'), { recursive: true });
    for (const name of ['bootcode.bin', 'start_cd.elf', 'fixup_cd.dat'])
      cpSync(join(work, 'usr/lib/raspi-firmware', name), join(path, 'firmware', name));
    cpSync(only(join(work, 'boot/vmlinuz-*')), join(path, 'Image'));
    cpSync(only(join(work, 'usr/lib/linux-image-*/broadcom')), join(path, 'device-trees'), { recursive: true });
    await packInitrd(work, join(path, 'initrd'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The first process of the kernel: loads the modules and goes on with the root file system that the command line names. */
const init = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for module in ${modules.join(' ')}; do [ ! -e /modules/$module.ko ] || /bin/busybox insmod /modules/$module.ko; done
root=$(/bin/busybox sed 's/.*root=\\([^ ]*\\).*/\\1/' /proc/cmdline)
until [ -b "$root" ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t squashfs -o ro "$root" /root
/bin/busybox mount -o move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/init
`;

async function packInitrd(work: string, path: string): Promise<void> {
  const tree = join(work, 'initrd');
  for (const name of ['bin', 'modules', 'proc', 'dev', 'root']) mkdirSync(join(tree, name), { recursive: true });
  cpSync(join(work, 'bin/busybox'), join(tree, 'bin/busybox'));
  for (const file of globSync(join(work, 'lib/modules/*/**/*.ko'))) cpSync(file, join(tree, 'modules', basename(file)));
  await runProgram('sh', ['-c', 'printf %s "$2" > "$1/init" && chmod 0755 "$1/init"', 'sh', tree, init]);
  const pack =
    'find . -exec touch -h -d @0 {} + && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0 | gzip -n9';
  await runProgram('sh', ['-c', `cd "$1" && (${pack}) > "$2"`, 'sh', tree, path]);
}

function only(pattern: string): string {
  const found = globSync(pattern);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${pattern}: ${found.length} files, one was expected`);
  return first;
}
