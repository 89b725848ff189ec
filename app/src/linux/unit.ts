// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';

/**
 * The service that a process belongs to, by the name of its cgroup (proc_pid_cgroup(5)): `NAME.service` under systemd,
 * `openrc.NAME` under OpenRC. Undefined for a process of no service, or that is gone.
 */
export function serviceUnit(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    // It ended meanwhile: then it is nobody.
    return undefined;
  }
  for (const line of text.split('\n')) {
    for (const part of line.slice(line.indexOf('/')).split('/').toReversed()) {
      const name = /^(.+)\.service$/.exec(part)?.[1] ?? /^openrc\.(.+)$/.exec(part)?.[1];
      if (name !== undefined) return name;
    }
  }
  return undefined;
}
