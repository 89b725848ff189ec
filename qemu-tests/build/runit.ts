// SPDX-License-Identifier: MIT
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { InitSystem } from './init-system.ts';
import { linkIn } from './root-tree.ts';

const sources = ['plain', 'runit'].map((name) => join(import.meta.dirname, name));

/** What runsvdir keeps running. */
const services = ['open-sesame-profile', 'open-sesame-secrets', 'open-sesame-watch', 'device-agent'];

/** runit as PID 1. */
export const runit: InitSystem = {
  name: 'runit',
  services: 'runit',
  packages: ['runit', 'runit-init'],
  sources,
  unwanted: ['etc/runit', 'etc/service', 'etc/sv', 'etc/init.d'],
  install(root) {
    for (const source of sources) cpSync(source, root, { recursive: true });
    linkIn(root, '/lib/runit/runit-init', 'sbin/init');
    linkIn(root, '/usr/sbin/poweroff', 'sbin/poweroff');
    linkIn(root, '/run/runit/supervise.device-agent', 'etc/sv/device-agent/supervise');
    for (const name of services) linkIn(root, `/etc/sv/${name}`, `etc/service/${name}`);
  },
};
