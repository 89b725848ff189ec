// SPDX-License-Identifier: MIT
import { uncovered } from '../../linux/sandbox-support.ts';
import { confinementsOf, type DaemonHealth, type StatusReport } from '../status-report.ts';
import { version } from '../version.ts';
import { type Check, fail, pass, warn } from './check.ts';

/** The seed of a device's memory plan: 8 MiB of locked memory suffice. */
const enoughLockedMemory = 8 * 1024 * 1024;

export function examineDaemons({ daemons }: StatusReport): Check[] {
  return daemons.flatMap((daemon) => {
    if (daemon.reachable) return examineDaemon(daemon);
    return [
      fail(
        daemon.name,
        daemon.problem,
        `start it, and see what it logged: its service is open-sesame-${daemon.name.slice('daemon-'.length)}`,
      ),
    ];
  });
}

function examineDaemon(daemon: DaemonHealth): Check[] {
  return [
    examineVersion(daemon),
    examineMemory(daemon),
    examineTracing(daemon),
    ...examineSandbox(daemon),
    examineLockLimit(daemon),
  ];
}

function examineSandbox(daemon: DaemonHealth): Check[] {
  return confinementsOf(daemon).map(({ mechanism, state, abi, cause = 'unknown cause', remedy = '' }) => {
    const id = `${daemon.name}/${mechanism}`;
    if (state === 'off') {
      return warn(id, 'the sandbox is switched off', 'write global.sandbox.enabled = true and restart the daemon');
    }
    if (state === 'missing') return warn(id, `it is not confined by ${mechanism}: ${cause}`, remedy);
    const gap = abi === undefined ? undefined : uncovered(abi);
    if (gap !== undefined) return warn(id, gap.cause, gap.remedy);
    return pass(
      id,
      mechanism === 'landlock'
        ? `files outside its table are closed to it (version ${abi})`
        : 'system calls that it does not need are closed to it',
    );
  });
}

function examineVersion({ name, version: running, pid }: DaemonHealth): Check {
  if (running === version) return pass(name, `version ${running} runs as process ${pid}`);
  return warn(name, `version ${running} runs and sesame is ${version}`, 'restart the daemon after an update');
}

function examineMemory({ name, secret_memory: { protection, cause = '', remedy = '' } }: DaemonHealth): Check {
  const id = `${name}/secret-memory`;
  if (protection === 'memfd_secret') return pass(id, 'secrets are out of reach of the kernel (memfd_secret)');
  return warn(id, `secrets are in memory that the kernel and root can read (${protection}): ${cause}`, remedy);
}

function examineTracing({ name, dumpable }: DaemonHealth): Check {
  const id = `${name}/dumpable`;
  if (!dumpable) return pass(id, 'no core dumps, not traceable');
  return fail(
    id,
    'other processes of its user can read its memory, and it may leave a core dump',
    'restart it; report it if that does not help',
  );
}

function examineLockLimit({ name, secret_memory: { lock_limit: limit } }: DaemonHealth): Check {
  const id = `${name}/locked-memory`;
  if (limit === undefined) return pass(id, 'no limit of locked memory');
  const text = `the limit of locked memory is ${Math.floor(limit / 1024)} KiB`;
  if (limit >= enoughLockedMemory) return pass(id, text);
  return warn(
    id,
    `${text}: requests fail when many come at once`,
    'set LimitMEMLOCK=16M (systemd) or locked_memory_kib="16384" in /etc/conf.d (OpenRC) or /etc/default (others)',
  );
}
