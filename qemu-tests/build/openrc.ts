// SPDX-License-Identifier: MIT
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { InitSystem } from './init-system.ts';
import { linkIn } from './root-tree.ts';

const overlay = join(import.meta.dirname, 'openrc');

/** Which services are started in which runlevel. `plain` is the same device without Open Sesame, for comparison. */
const runlevels: Readonly<Record<string, readonly string[]>> = {
  sysinit: ['devfs', 'sysfs', 'cgroups'],
  boot: ['hostname', 'loopback', 'localmount', 'syslog'],
  default: ['open-sesame-node-cache', 'open-sesame-profile', 'open-sesame-secrets', 'device-agent'],
  plain: ['device-agent'],
  shutdown: ['killprocs'],
};

/** OpenRC, with busybox as PID 1. */
export const openrc: InitSystem = {
  name: 'openrc',
  services: 'openrc',
  packages: ['openrc', 'libpam-modules'],
  sources: [overlay],
  unwanted: ['etc/init.d/agetty', 'etc/init.d/rc', 'etc/init.d/rcS', 'etc/init.d/savecache', 'etc/runlevels'],
  install(root) {
    cpSync(overlay, root, { recursive: true });
    for (const path of ['etc/insserv.conf.d', 'etc/insserv/overrides', 'etc/runlevels'])
      mkdirSync(join(root, path), { recursive: true });
    linkRunlevels(root);
  },
};

function linkRunlevels(root: string): void {
  for (const [runlevel, names] of Object.entries(runlevels)) {
    mkdirSync(join(root, 'etc/runlevels', runlevel), { recursive: true });
    for (const name of names) {
      if (!existsSync(join(root, 'etc/init.d', name)))
        throw new Error(`runlevel ${runlevel} names ${name}, and there is no such service`);
      linkIn(root, `/etc/init.d/${name}`, `etc/runlevels/${runlevel}/${name}`);
    }
  }
}
