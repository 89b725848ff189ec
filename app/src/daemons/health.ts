// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../bus/messages.ts';
import { version } from '../core/version.ts';
import { isDumpable } from '../linux/process.ts';
import type { Foundation } from './foundation.ts';

type Health = ReplyBody<'profile-status'>['daemon'];

/** Longest text of a problem, as the message catalogue has it. */
const longestProblem = 1024;

/** What a daemon says of itself in `status`. */
export function health({ name, memory, clock, sandbox, startedMs, configurationProblems }: Foundation): Health {
  const { protection, cause, remedy, pagesInUse, pagesPooled, lockLimit } = memory.status();
  return {
    name,
    version,
    pid: process.pid,
    uptime_ms: Math.round(clock.monotonicMs() - startedMs),
    dumpable: isDumpable(),
    sandbox,
    configuration_problems: configurationProblems()
      .slice(0, 32)
      .map((problem) => problem.slice(0, longestProblem)),
    secret_memory: {
      protection,
      ...(cause === undefined ? {} : { cause }),
      ...(remedy === undefined ? {} : { remedy }),
      pages_in_use: pagesInUse,
      pages_pooled: pagesPooled,
      ...(Number.isFinite(lockLimit) ? { lock_limit: lockLimit } : {}),
    },
  };
}
