// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const hierarchy = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/systemd'].find((each) =>
  existsSync(join(each, 'cgroup.procs')),
);

/** Why no process can be put into a service here, or false. */
export const servicesMissing: string | false =
  process.getuid?.() !== 0 ? 'a cgroup is made by root' : hierarchy === undefined && 'there is no cgroup to make a service in';

/** A cgroup as systemd makes one for a service, for processes of tests. */
export class ServiceGroup {
  /** Without its suffix. */
  readonly name: string;
  readonly #path: string;

  constructor(name: string) {
    this.name = name;
    this.#path = join(hierarchy ?? '', `${name}.service`);
    mkdirSync(this.#path);
  }

  /** Starts a program in it. */
  spawn(...words: string[]): ChildProcess {
    return spawn('sh', ['-c', 'echo $$ > "$0/cgroup.procs"; exec "$@"', this.#path, ...words]);
  }

  async remove(): Promise<void> {
    // The kernel lets go of the last process a moment after its end.
    for (let attempt = 0; existsSync(this.#path); attempt += 1) {
      try {
        rmdirSync(this.#path);
      } catch (thrown) {
        if (attempt > 100) throw thrown;
        await wait(10);
      }
    }
  }
}

export async function endOf(child: ChildProcess, signal?: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'close');
  if (signal !== undefined) child.kill(signal);
  const [code]: (number | null)[] = await ended;
  return code ?? null;
}
