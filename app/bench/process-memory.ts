// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { daemonFlags, daemonNode } from './launcher.ts';

/** Kilobytes of proc(5)'s status that no file stands behind: anonymous pages, and secret pages, which count as shared memory. */
export function ownMemoryMb(pid: number): number {
  return (statusKb(pid, 'RssAnon') + statusKb(pid, 'RssShmem')) / 1024;
}

/** Pages that are locked. */
export function lockedPages(pid: number): number {
  return statusKb(pid, 'VmLck') / 4;
}

function statusKb(pid: number, member: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`^${member}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
}

/** Looks at a figure every few milliseconds while something is under way. */
export async function highestDuring(read: () => number, action: () => Promise<unknown>): Promise<number> {
  let highest = read();
  const timer = setInterval(() => {
    highest = Math.max(highest, read());
  }, 5);
  try {
    await action();
    return Math.max(highest, read());
  } finally {
    clearInterval(timer);
  }
}

/** The memory of a Node that does nothing, started with the flags of the daemons, in MB. */
export async function bareNodeMb(): Promise<number> {
  const child = spawn(daemonNode, [...daemonFlags(), '-e', 'setInterval(() => {}, 1000); console.log()'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { UV_THREADPOOL_SIZE: '1' },
  });
  await once(child.stdout, 'data');
  await wait(200);
  const used = ownMemoryMb(child.pid ?? 0);
  child.kill();
  await once(child, 'exit');
  return used;
}
