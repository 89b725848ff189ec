// SPDX-License-Identifier: MIT
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const systemd = '/lib/systemd/systemd';
const namespaces = ['--mount', '--pid', '--fork', '--cgroup', '--uts', '--ipc', '--kill-child=KILL'];

/**
 * What systemd finds around it: processes and cgroups of its own, an empty /run, and the units of the test. What a service is given in a mount
 * of its own has to be seen from the others.
 */
const enter = `
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/system
cp "$0"/* /run/systemd/system/
mount --make-rshared /
export container=other
exec ${systemd} --system --unit=started.target --show-status=no
`;

/** Why no systemd can be run here, or false. */
export const systemdMissing: string | false = isUsable()
  ? false
  : 'this needs root, systemd, and cgroups of version 2 to give it';

function isUsable(): boolean {
  const program = `mount --make-rprivate / && umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && ${systemd} --version`;
  return process.getuid?.() === 0 && spawnSync('unshare', [...namespaces, 'sh', '-c', program]).status === 0;
}

/**
 * Runs a real systemd, in namespaces of its own, until the condition holds or the time is over.
 * @param directory for its units, made here
 * @param units the text of each by its name
 * @param services those that are started
 */
export async function runSystemd(
  directory: string,
  units: Readonly<Record<string, string>>,
  services: readonly string[],
  until: () => boolean,
  limitMs = 20_000,
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const target = `[Unit]\nWants=${services.map((name) => `${name}.service`).join(' ')}\n`;
  for (const [name, text] of Object.entries({ ...units, 'started.target': target })) writeFileSync(join(directory, name), text);
  const child = spawn('unshare', [...namespaces, 'sh', '-c', enter, directory], { stdio: 'ignore' });
  const ended = once(child, 'close');
  const deadline = Date.now() + limitMs;
  while (!until() && Date.now() < deadline) await wait(50);
  child.kill('SIGKILL');
  await ended;
}
