// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { chosenProfile } from '../chosen-profile.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { say } from '../streams.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const profile = chosenProfile(invocation);
  if (profile === undefined) throw invocation.refuse('the argument PROFILE is missing');
  return withSession(async ({ bus }) => {
    await bus.request('profile-activate', { profile });
    say(`profile ${profile} is active`);
    return Exit.done;
  });
}
