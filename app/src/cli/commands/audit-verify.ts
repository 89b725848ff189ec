// SPDX-License-Identifier: MIT
import { type AuditReport, verifyChain } from '../../audit/verify.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { verifyTimeoutMs } from '../doctor/audit.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { print, printJson, say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const path = invocation.value('path');
  const report =
    path === undefined
      ? await withSession(
          async ({ bus }) => (await bus.request('audit-verify', {}, undefined, { timeoutMs: verifyTimeoutMs })).body,
        )
      : await verifyChain(path);
  if (invocation.flag('json')) printJson('tornBytes' in report ? namedAsElsewhere(report) : report);
  else {
    const head = report.head === 'absent' ? headText.absent : `${headText[report.head]} (${report.attestation})`;
    print(`${report.path}: entries ${report.first} to ${report.last} verify (${report.hash}), ${head}\n`);
    if ('tornBytes' in report && report.tornBytes > 0)
      say(`the last ${report.tornBytes} bytes are a line without its end: they were not judged`);
  }
  return Exit.done;
}

/** With the members' names in the form of every other JSON that is printed. */
function namedAsElsewhere({ acknowledgedGaps, tornBytes, ...others }: AuditReport) {
  return { ...others, acknowledged_gaps: acknowledgedGaps, torn_bytes: tornBytes };
}

const headText = {
  absent: 'no head vouches for the end',
  matches: 'the head vouches for the last entry',
  behind: 'the head vouches for all but the last entries',
} as const;
