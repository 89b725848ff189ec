// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

/**
 * The service that a process belongs to, by the name of its cgroup. Undefined for a process of no service, or that is gone.
 */
export function serviceUnit(pid: number): string | undefined {
  try {
    return unitOf(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  } catch {
    // It ended meanwhile: then it is nobody.
    return undefined;
  }
}

/**
 * The service in the text of proc_pid_cgroup(5): `NAME.service` under systemd, `openrc.NAME` under OpenRC. The outermost group that is
 * no slice decides: what is below it was made by its owner, who may call it anything. systemd puts "_" before a name that begins with one, or that
 * the kernel's own files might have.
 */
export function unitOf(cgroups: string): string | undefined {
  for (const line of cgroups.split('\n')) {
    const path = line.slice(line.indexOf('/')).split('/');
    const outermost = path.find((part) => part !== '' && !part.endsWith('.slice')) ?? '';
    const name = /^_?(.+)\.service$/.exec(outermost)?.[1] ?? /^openrc\.(.+)$/.exec(outermost)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}
