// SPDX-License-Identifier: MIT
import { closeSync, openSync, writeSync } from 'node:fs';
import { describe } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { bootTimeMs } from './boot.ts';
import type { Readiness } from './readiness.ts';

/** How often a heartbeat is written, in ms. */
const beatEveryMs = 5_000;

/** Always as long, so that a line written over another leaves nothing of it behind. */
const lineLength = 32;

/**
 * Readiness for init systems that can look into a file and nothing more (OpenRC before 0.60, runit, busybox): one line with the
 * seconds since the boot, as /proc/uptime counts them, and the pid. The file gets its first line when the daemon is ready; a
 * line that grows old is a daemon that hangs.
 * @param path of a file that exists already: its directory belongs to root
 * @param logger told at WARN, once, when the file cannot be written; a daemon goes on without it
 */
export function heartbeatReadiness(path: string, logger?: Logger): Readiness {
  let complained = false;
  const beat = (): void => {
    try {
      const descriptor = openSync(path, 'r+');
      try {
        writeSync(descriptor, heartbeatLine(), 0);
      } finally {
        closeSync(descriptor);
      }
    } catch (thrown) {
      if (!complained) logger?.warn('the heartbeat cannot be written', { path, cause: describe(thrown) });
      complained = true;
    }
  };
  return { aliveEveryMs: beatEveryMs, ready: beat, alive: beat, stopping: () => {} };
}

function heartbeatLine(): string {
  return `${(bootTimeMs() / 1000).toFixed(2)} ${process.pid}`.padEnd(lineLength - 1).concat('\n');
}
