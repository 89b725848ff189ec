// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { policyText } from '../policy-text.ts';
import { checkProfileNames, profileOf, withSession } from '../session.ts';
import { print, printJson } from '../streams.ts';
import { table, timeOf } from '../table.ts';
import { outputIsTerminal } from '../terminal.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const { body } = await session.bus.request('factor-list', { profile });
    if (invocation.flag('json')) printJson({ profile, ...body });
    else if (outputIsTerminal()) {
      const rows = body.factors.map(({ factor, label, enrolled_at, counts }) => [
        factor,
        label,
        timeOf(enrolled_at),
        counts ? 'counts' : 'opens alone',
      ]);
      print(table(['FACTOR', 'LABEL', 'ADDED', 'POLICY'], rows));
      print(`\n${policyText(body.policy)}\n`);
    } else print(body.factors.map(({ factor }) => `${factor}\n`).join(''));
    return Exit.done;
  });
}
