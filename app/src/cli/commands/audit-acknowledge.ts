// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { printJson, say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('audit-acknowledge', {});
    if (invocation.flag('json')) printJson(body);
    else say(`entry ${body.sequence} records that somebody has looked into the gaps before it`);
    return Exit.done;
  });
}
