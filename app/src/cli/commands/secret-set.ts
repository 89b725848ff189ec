// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { isInvisibleUpstream, longestValue, requireSecretName } from '../../core/names.ts';
import type { SecretBytes, SecretMemory } from '../../memory/secret-bytes.ts';
import { readValue } from '../input.ts';
import type { Invocation } from '../invocation.ts';
import { secretNameOf } from '../secret-name.ts';
import { checkProfileNames, profileOf, withSession } from '../session.ts';
import { say } from '../streams.ts';
import { ask, inputIsTerminal } from '../terminal.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  const name = requireSecretName(secretNameOf(invocation));
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const value = inputIsTerminal() ? askForValue(session.memory, invocation, name) : readValue(session.memory);
    try {
      const profile = await profileOf(session, invocation);
      const { body } = await session.bus.request('secret-set', { profile, name }, value.bytes);
      if (body.created && isInvisibleUpstream(name))
        say(`note: Open Sesame on a desktop does not show an entry named ${JSON.stringify(name)}`);
    } finally {
      value.release();
    }
    return Exit.done;
  });
}

function askForValue(memory: SecretMemory, invocation: Invocation, name: string): SecretBytes {
  const value = ask(memory, `value of ${name}`);
  if (value === undefined) throw invocation.refuse('there is no terminal to ask for the value on; give it on standard input');
  if (value.length <= longestValue) return value;
  value.release();
  throw SesameError.of('value-too-long', { length: `${value.length} or more`, limit: longestValue });
}
