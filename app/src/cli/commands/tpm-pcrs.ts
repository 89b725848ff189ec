// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { print, printJson } from '../streams.ts';
import { table } from '../table.ts';
import { tpmTimeoutMs } from '../tpm.ts';

const options = { timeoutMs: tpmTimeoutMs };

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    if (invocation.value('profile') !== undefined) return await compare(session, invocation);
    return await showAll(session, invocation);
  });
}

async function compare(session: Session, invocation: Invocation): Promise<ExitCode> {
  const profile = await profileOf(session, invocation);
  const { body } = await session.bus.request('tpm-sealed-pcrs', { profile }, undefined, options);
  const rows = body.pcrs.map(({ pcr, sealed, now }) => [String(pcr), sealed === now ? 'same' : 'changed', sealed, now]);
  if (invocation.flag('json')) printJson({ profile, ...body });
  else print(table(['PCR', body.bank, 'SEALED TO', 'NOW'], rows));
  return body.pcrs.every(({ sealed, now }) => sealed === now) ? Exit.done : Exit.bootStateChanged;
}

async function showAll({ bus }: Session, invocation: Invocation): Promise<ExitCode> {
  const bank = invocation.value('bank') === 'sha384' ? 'sha384' : 'sha256';
  const { body } = await bus.request('tpm-pcrs', { bank }, undefined, options);
  if (invocation.flag('json')) printJson({ bank, ...body });
  else
    print(
      table(
        ['PCR', bank],
        body.pcrs.map(({ pcr, value }) => [String(pcr), value]),
      ),
    );
  return Exit.done;
}
