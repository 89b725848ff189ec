// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../../bus/messages.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { print, printJson } from '../streams.ts';
import { table } from '../table.ts';
import { tpmTimeoutMs } from '../tpm.ts';

type Status = ReplyBody<'tpm-status'>;

export async function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('tpm-status', {}, undefined, { timeoutMs: tpmTimeoutMs });
    if (invocation.flag('json')) printJson(body);
    else print(describe(body));
    return Exit.done;
  });
}

function describe(status: Status): string {
  const lines = [
    `${status.manufacturer} ${status.model}, firmware ${status.firmware}, at ${status.tcti}`,
    `wrong PINs: ${status.tries} of ${status.maximum_tries}${status.locked_out ? ', locked out' : ''}; one is forgiven every ${status.try_interval_seconds} s`,
    `persistent handles left: ${status.persistent_handles_left}`,
    ...(status.owner_protected ? ['the owner hierarchy has a password'] : []),
    ...(status.nv_recovery_ms > 0 ? [`NV memory is written too often; the next write in ${status.nv_recovery_ms} ms`] : []),
  ];
  const rows = status.enrolments.map(({ profile, handle, bank, pcrs, pin, changed, capped }) => [
    ...[profile, `0x${handle.toString(16)}`, bank, pcrs.join(' '), pin ? 'PIN' : ''],
    stateOf(changed, capped),
  ]);
  const enrolments = rows.length === 0 ? '' : `\n${table(['PROFILE', 'UNDER', 'BANK', 'PCRS', '', 'STATE'], rows)}`;
  return `${lines.join('\n')}\n${enrolments}`;
}

function stateOf(changed: readonly number[], capped: boolean): string {
  if (capped) return 'capped until the next boot';
  return changed.length === 0 ? 'as sealed' : `changed: ${changed.join(' ')}`;
}
