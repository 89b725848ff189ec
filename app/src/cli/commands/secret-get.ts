// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { secretNameOf } from '../secret-name.ts';
import { checkProfileNames, profileOf, withSession } from '../session.ts';
import { standardOutput, writeAll } from '../streams.ts';
import { outputIsTerminal } from '../terminal.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const name = secretNameOf(invocation);
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const { attachment } = await session.bus.request('secret-get', { profile, name });
    try {
      const value = attachment?.bytes ?? Buffer.alloc(0);
      writeAll(standardOutput, value);
      if (outputIsTerminal() && value.at(-1) !== 0x0a) writeAll(standardOutput, Buffer.from('\n'));
    } finally {
      attachment?.release();
    }
    return Exit.done;
  });
}
