// SPDX-License-Identifier: MIT
import { isUtf8 } from 'node:buffer';
import { SesameError } from '../../core/errors.ts';
import { callerEnvironment } from '../caller-environment.ts';
import { runChild, shellExitCode } from '../child.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, withSession } from '../session.ts';
import { say } from '../streams.ts';
import { type Variable, withVariables } from '../variables.ts';

export async function run(invocation: Invocation): Promise<number> {
  checkProfileNames(invocation);
  const words = invocation.positionals;
  // The connection is closed before the child starts: it may run for years.
  const variables = await withSession((session) => withVariables(session, invocation, asStrings), { inherited: true });
  try {
    return await runChild(words, { ...callerEnvironment(process.env), ...variables });
  } catch (thrown) {
    const code = shellExitCode(thrown);
    if (code === undefined || !(thrown instanceof SesameError)) throw thrown;
    say(thrown.message);
    return code;
  }
}

/**
 * The one place where a secret becomes a string: an environment reaches a child in no other way, and there every process of the
 * same user can read it as long as the child lives.
 */
function asStrings(variables: readonly Variable[]): Record<string, string> {
  return Object.fromEntries(variables.filter(isPassable).map(({ name, value }) => [name, value.toString('utf8')]));
}

function isPassable({ secret, profile, value }: Variable): boolean {
  const problem = value.includes(0)
    ? 'holds a NUL byte, which no environment can hold'
    : isUtf8(value)
      ? undefined
      : 'is not UTF-8';
  if (problem !== undefined) say(`the secret ${JSON.stringify(secret)} of profile ${profile} is skipped: its value ${problem}`);
  return problem === undefined;
}
