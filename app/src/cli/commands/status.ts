// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { type Check, exitOf, formatChecks, tally } from '../doctor/check.ts';
import { examine } from '../doctor/examine.ts';
import type { Invocation } from '../invocation.ts';
import { type Session, withSession } from '../session.ts';
import {
  confinementsOf,
  type DaemonHealth,
  type DaemonReport,
  gatherStatus,
  isUnreachable,
  type StatusReport,
  withoutBus,
} from '../status-report.ts';
import { print, printJson, say } from '../streams.ts';
import { table } from '../table.ts';
import { paint } from '../terminal.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const doctor = invocation.flag('doctor');
  if (invocation.flag('exit-code') && !doctor) throw invocation.refuse('--exit-code goes with --doctor');
  try {
    return await withSession((session) => report(invocation, session));
  } catch (thrown) {
    if (!isUnreachable(thrown)) throw thrown;
    const status = withoutBus(thrown);
    return doctor ? showExamination(invocation, status, await examine(status, undefined)) : showStatus(invocation, status);
  }
}

async function report(invocation: Invocation, session: Session): Promise<ExitCode> {
  const status = await gatherStatus(session.bus);
  if (!invocation.flag('doctor')) return showStatus(invocation, status);
  return showExamination(invocation, status, await examine(status, session.bus));
}

function showExamination(invocation: Invocation, status: StatusReport, checks: readonly Check[]): ExitCode {
  if (invocation.flag('json')) printJson({ status, ...tally(checks), checks });
  else print(formatChecks(checks, paint));
  return invocation.flag('exit-code') ? exitOf(checks) : Exit.done;
}

function showStatus(invocation: Invocation, status: StatusReport): ExitCode {
  if (invocation.flag('json')) printJson(status);
  else print(formatStatus(status));
  for (const problem of problemsOf(status)) say(problem);
  return status.daemons.every(({ reachable }) => reachable) ? Exit.done : Exit.unreachable;
}

function formatStatus({ daemons, vaults, audit, default_profile }: StatusReport): string {
  const parts = [
    table(['DAEMON', 'STATE', 'VERSION', 'PID', 'UPTIME', 'SECRET MEMORY', 'PAGES', 'SANDBOX'], daemons.map(daemonRow)),
  ];
  const rows = vaults.map(({ profile, state, enforcement }) => [
    profile === default_profile ? `${profile} (default)` : profile,
    state,
    enforcement === 'daemon' ? 'by the daemon' : (enforcement ?? ''),
  ]);
  if (rows.length > 0) parts.push(table(['PROFILE', 'VAULT', 'POLICY ENFORCED'], rows));
  if (audit !== null) parts.push(`audit chain: ${audit.sequence} entries, ${audit.attestation}\n`);
  return parts.join('\n');
}

function daemonRow(daemon: DaemonReport): string[] {
  if (!daemon.reachable) return [daemon.name, 'out of reach'];
  const { name, version, pid, uptime_ms, secret_memory: memory } = daemon;
  const protection = memory.protection === 'memfd_secret' ? memory.protection : `${memory.protection} (fallback)`;
  const pages = String(memory.pages_in_use);
  return [name, 'running', version, String(pid), durationText(uptime_ms), protection, pages, confinementText(daemon)];
}

function confinementText(daemon: DaemonHealth): string {
  const holding = confinementsOf(daemon).filter(({ state }) => state === 'enforced');
  return holding.length === 0 ? 'none' : holding.map(({ mechanism }) => mechanism).join(', ');
}

function problemsOf({ daemons, vaults, audit }: StatusReport): string[] {
  const ofDaemons = daemons.flatMap((daemon) => (daemon.reachable ? problemsOfDaemon(daemon) : [daemon.problem]));
  const ofVaults = vaults.flatMap(({ profile, problem }) =>
    problem === undefined ? [] : [`the vault of profile ${profile}: ${problem}`],
  );
  return [...new Set(ofDaemons), ...ofVaults, ...(audit?.problem === undefined ? [] : [audit.problem])];
}

function problemsOfDaemon(daemon: DaemonHealth): string[] {
  const { name, secret_memory: memory, configuration_problems } = daemon;
  const fallback =
    memory.protection === 'memfd_secret'
      ? []
      : [
          `ERROR: the kernel and root can read the secrets of ${name}: ${memory.cause ?? 'unknown cause'}; ${memory.remedy ?? ''}`,
        ];
  const unconfined = confinementsOf(daemon)
    .filter(({ state }) => state === 'missing')
    .map(
      ({ mechanism, cause = 'unknown cause', remedy = '' }) =>
        `ERROR: ${name} is not confined by ${mechanism}: ${cause}; ${remedy}`,
    );
  return [...fallback, ...unconfined, ...configuration_problems];
}

function durationText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
