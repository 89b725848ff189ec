// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { print, printJson } from '../streams.ts';
import { table } from '../table.ts';
import { outputIsTerminal } from '../terminal.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('profile-list', {});
    if (invocation.flag('json')) printJson(body);
    else if (outputIsTerminal()) {
      const rows = body.profiles.map((profile) => [
        profile.name,
        profile.active ? 'active' : 'inactive',
        profile.default ? 'default' : '',
        profile.id,
      ]);
      print(table(['PROFILE', 'STATE', '', 'ID'], rows));
    } else print(body.profiles.map(({ name }) => `${name}\n`).join(''));
    return Exit.done;
  });
}
