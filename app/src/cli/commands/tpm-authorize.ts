// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { recordLimit } from '../../tpm/approvals.ts';
import { serialiseBootRecord } from '../../tpm/event-log-record.ts';
import { pcrSelection } from '../../tpm/pcr-selection.ts';
import { futureBoot } from '../future-boot.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, profileOf, withSession } from '../session.ts';
import { print, printJson, say } from '../streams.ts';
import { tpmTimeoutMs } from '../tpm.ts';

const longestLabel = 200;

const options = { timeoutMs: tpmTimeoutMs };

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const { body: policy } = await session.bus.request('tpm-approvals', { profile }, undefined, options);
    if (policy.policy === 'pcr') throw SesameError.of('tpm-policy-fixed', { profile });
    const now = new Map(policy.pcrs.map(({ pcr, value }) => [pcr, Buffer.from(value, 'hex')]));
    const selection = pcrSelection(policy.bank, [...now.keys()]);
    const boot = futureBoot(invocation, selection, now);
    const values = [...boot.values].map(([pcr, value]) => ({ pcr, value: value.toString('hex') }));
    if (invocation.flag('dry-run')) {
      show(invocation, selection.bank, values);
      return Exit.done;
    }
    const record = boot.record && serialiseBootRecord(boot.record, recordLimit)?.toString('utf8');
    const label = boot.label.length > longestLabel ? `${boot.label.slice(0, longestLabel)}…` : boot.label;
    const request = { profile, bank: selection.bank, values, label, ...(record === undefined ? {} : { record }) };
    const { body } = await session.bus.request('tpm-authorize', request, undefined, options);
    if (invocation.flag('json')) printJson({ profile, label, values, ...body });
    say(body.changed ? `approved for profile ${profile}: ${label}` : `profile ${profile} had approved this boot state already`);
    if (body.replaced !== undefined)
      say(`never booted, and replaced: ${body.replaced}; refused once a newer one has opened the vault`);
    return Exit.done;
  });
}

/** As `tpm2_pcrread` prints it, so that --pcr-file takes it. */
function show(invocation: Invocation, bank: string, values: readonly { pcr: number; value: string }[]): void {
  if (invocation.flag('json')) printJson({ bank, values });
  else print(`${bank}:\n${values.map(({ pcr, value }) => `  ${pcr}: 0x${value}\n`).join('')}`);
}
