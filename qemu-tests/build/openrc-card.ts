// SPDX-License-Identifier: MIT
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InitSystem } from './init-system.ts';
import { openrc } from './openrc.ts';
import { linkIn } from './root-tree.ts';

/** The services of a device with a card, as Buildroot's image has them. */
const deviceServices = join(import.meta.dirname, '../../buildroot-ext/package/open-sesame/device');

/** OpenRC on a card: the data partition is the last one of the disk that the root is on, and grows with it. */
export const openrcCard: InitSystem = {
  ...openrc,
  name: 'openrc-card',
  packages: [...openrc.packages, 'fdisk', 'util-linux'],
  // Services of packages that these bring; they need others that are not here.
  unwanted: [...openrc.unwanted, 'etc/init.d/hwclock.sh', 'etc/init.d/udev'],
  sources: [...openrc.sources, deviceServices, join(import.meta.dirname, 'openrc.ts')],
  install(root) {
    openrc.install(root);
    cpSync(deviceServices, root, { recursive: true });
    for (const name of ['device-data', 'device-identity']) linkIn(root, `/etc/init.d/${name}`, `etc/runlevels/boot/${name}`);
    const fstab = join(root, 'etc/fstab');
    const lines = readFileSync(fstab, 'utf8').split('\n');
    writeFileSync(fstab, lines.filter((line) => !line.includes(' /var/lib ')).join('\n'));
  },
};
