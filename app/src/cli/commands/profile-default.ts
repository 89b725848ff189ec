// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { chosenProfile } from '../chosen-profile.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { print, say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const profile = chosenProfile(invocation);
  return withSession(async ({ bus }) => {
    if (profile === undefined) {
      const { body } = await bus.request('profile-status', {});
      print(`${body.default_profile}\n`);
    } else {
      await bus.request('profile-default', { profile });
      say(`profile ${profile} is the default`);
    }
    return Exit.done;
  });
}
