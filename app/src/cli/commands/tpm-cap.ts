// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { withSession } from '../session.ts';
import { printJson, say } from '../streams.ts';
import { tpmTimeoutMs } from '../tpm.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  return withSession(async ({ bus }) => {
    const { body } = await bus.request('tpm-cap', {}, undefined, { timeoutMs: tpmTimeoutMs });
    if (invocation.flag('json')) printJson(body);
    say(`PCR ${body.pcr} (${body.bank}) is capped until the next boot`);
    return Exit.done;
  });
}
