// SPDX-License-Identifier: MIT
import { appendFileSync, cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InitSystem } from './init-system.ts';

const sources = ['plain', 'busybox'].map((name) => join(import.meta.dirname, name));

/** busybox as PID 1, with scripts in /etc/init.d. */
export const busybox: InitSystem = {
  name: 'busybox',
  services: 'busybox',
  packages: [],
  sources,
  unwanted: [],
  install(root) {
    for (const source of sources) cpSync(source, root, { recursive: true });
    appendFileSync(join(root, 'etc/inittab'), readFileSync(join(root, 'usr/lib/open-sesame/busybox/inittab')));
  },
};
