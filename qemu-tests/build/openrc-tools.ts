// SPDX-License-Identifier: MIT
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InitSystem } from './init-system.ts';
import { openrc } from './openrc.ts';
import { linkIn } from './root-tree.ts';

/** OpenRC, and the programs of whoever looks into a device or comes to it with an ssh agent. */
export const openrcTools: InitSystem = {
  ...openrc,
  name: 'openrc-tools',
  packages: [...openrc.packages, 'openssh-server', 'strace', 'tpm2-tools', 'tzdata'],
  // Services of packages that these bring; sshd is started by the tests.
  unwanted: [
    ...openrc.unwanted,
    'etc/init.d/procps',
    'etc/init.d/ssh',
    'etc/init.d/dbus',
    'etc/init.d/udev',
    'etc/init.d/tpm-udev',
  ],
  sources: [...openrc.sources, join(import.meta.dirname, 'openrc.ts')],
  install(root) {
    openrc.install(root);
    // C libraries read it in another way than they find that there is none.
    linkIn(root, '/usr/share/zoneinfo/Europe/Zurich', 'etc/localtime');
    // The package's own script would make the user.
    appendFileSync(join(root, 'etc/passwd'), 'sshd:x:902:65534::/run/sshd:/bin/false\n');
  },
};
