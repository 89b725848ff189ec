// SPDX-License-Identifier: MIT
import { appendFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InitSystem } from './init-system.ts';
import { linkIn } from './root-tree.ts';

const sources = ['plain', 'systemd'].map((name) => join(import.meta.dirname, name));

const services = ['open-sesame-node-cache', 'open-sesame-profile', 'open-sesame-secrets', 'device-agent'];

/** Of systemd's own, what a device with a read-only root and without udev needs. */
const wantedAtStart = [
  'systemd-journald.service',
  'systemd-tmpfiles-setup-dev.service',
  'systemd-tmpfiles-setup.service',
  'systemd-sysctl.service',
];

/** Whose own manager of services the tests start; everything of theirs is on the data partition. */
export const person = { name: 'person', uid: 1000, home: '/var/lib/person' };

/** systemd as PID 1, without udev. */
export const systemd: InitSystem = {
  name: 'systemd',
  services: 'systemd',
  packages: ['systemd', 'systemd-sysv'],
  sources,
  unwanted: [
    'lib/systemd/system-generators',
    'etc/systemd/system',
    'lib/systemd/resolv.conf',
    'etc/init.d',
    'lib/udev',
    'lib/systemd/systemd-random-seed',
  ],
  install(root) {
    for (const source of sources) cpSync(source, root, { recursive: true });
    linkIn(root, '/lib/systemd/systemd', 'sbin/init');
    for (const name of ['poweroff', 'reboot', 'halt']) linkIn(root, '/bin/systemctl', `sbin/${name}`);
    const atStart = join(root, 'lib/systemd/system/sysinit.target.wants');
    for (const name of readdirSync(atStart)) if (!wantedAtStart.includes(name)) rmSync(join(atStart, name));
    for (const target of ['multi-user', 'timers', 'graphical'])
      rmSync(join(root, `lib/systemd/system/${target}.target.wants`), { recursive: true });
    linkIn(root, '/lib/systemd/system/multi-user.target', 'etc/systemd/system/default.target');
    for (const name of services) linkIn(root, `${name}.service`, `etc/systemd/system/multi-user.target.wants/${name}.service`);
    linkIn(root, '/etc/systemd/system/device-data.service', 'etc/systemd/system/local-fs.target.wants/device-data.service');
    mkdirSync(join(root, 'var/tmp'), { recursive: true });
    // Empty: each boot draws an identity.
    writeFileSync(join(root, 'etc/machine-id'), '');
    appendFileSync(join(root, 'etc/passwd'), `${person.name}:x:${person.uid}:${person.uid}::${person.home}:/bin/sh\n`);
    appendFileSync(join(root, 'etc/group'), `${person.name}:x:${person.uid}:\n`);
  },
};
