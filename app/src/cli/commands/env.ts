// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import { lastArguments, readCaller } from '../caller.ts';
import type { Invocation } from '../invocation.ts';
import { becomeProgram, shellExitCode } from '../program.ts';
import { checkProfileNames, withSession } from '../session.ts';
import { say } from '../streams.ts';
import { type Variable, withVariables } from '../variables.ts';

const equals = 0x3d;

export async function run(invocation: Invocation): Promise<number> {
  checkProfileNames(invocation);
  const { environment, inherited } = readCaller();
  const words = lastArguments(invocation.positionals.length);
  // The exec closes the connection and gives secret memory back, and the kernel takes its copy of the values before.
  const become = (variables: readonly Variable[]) =>
    withAssignments(variables.filter(isPassable), (assignments) =>
      becomeProgram({ words, environment: merge(environment, assignments), inherited }),
    );
  try {
    return await withSession((session) => withVariables(session, invocation, become), { inherited: true });
  } catch (thrown) {
    const code = shellExitCode(thrown);
    if (code === undefined || !(thrown instanceof SesameError)) throw thrown;
    say(thrown.message);
    return code;
  }
}

function isPassable({ secret, profile, value }: Variable): boolean {
  const passable = !value.includes(0);
  if (!passable)
    say(
      `the secret ${JSON.stringify(secret)} of profile ${profile} is skipped: its value holds a NUL byte, which no environment can hold`,
    );
  return passable;
}

/** Each variable as `NAME=value`, in memory that is wiped when the work fails. */
function withAssignments<Result>(variables: readonly Variable[], work: (assignments: readonly Buffer[]) => Result): Result {
  const lengths = variables.map(({ name, value }) => name.length + 1 + value.length);
  const whole = Buffer.from(new ArrayBuffer(lengths.reduce((sum, length) => sum + length, 0)));
  try {
    let end = 0;
    const assignments = variables.map(({ name, value }) => {
      const start = end;
      end += whole.write(`${name}=`, end, 'latin1');
      end += value.copy(whole, end);
      return whole.subarray(start, end);
    });
    return work(assignments);
  } finally {
    whole.fill(0);
  }
}

/** Every variable once: what a secret sets takes the place of what the caller had. */
function merge(environment: readonly Buffer[], assignments: readonly Buffer[]): Buffer[] {
  const set = new Set(assignments.map(nameOf));
  return [...environment.filter((entry) => !set.has(nameOf(entry))), ...assignments];
}

function nameOf(entry: Buffer): string {
  const end = entry.indexOf(equals);
  return entry.toString('latin1', 0, end === -1 ? entry.length : end);
}
