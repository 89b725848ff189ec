// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, withSession } from '../session.ts';
import { printJson, say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  const profile = invocation.value('profile');
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('vault-lock', profile === undefined ? {} : { profile });
    if (invocation.flag('json')) printJson(body);
    else say(body.locked.length === 0 ? 'nothing was unlocked' : `locked ${body.locked.join(', ')}`);
    return Exit.done;
  });
}
