// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { printJson, say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const name = invocation.argument(0) ?? 'bus';
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('key-rotate', { name });
    if (invocation.flag('json')) printJson(body);
    else
      say(
        `the key ${body.name} is in generation ${body.generation}; the one before is accepted for ${body.grace_seconds} s more`,
      );
    return Exit.done;
  });
}
