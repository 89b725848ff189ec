// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { secretNameOf } from '../secret-name.ts';
import { checkProfileNames, profileOf, withSession } from '../session.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const name = secretNameOf(invocation);
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    await session.bus.request('secret-delete', { profile, name });
    return Exit.done;
  });
}
