// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { isShellName } from '../environment-names.ts';
import type { Invocation } from '../invocation.ts';
import { type ExportFormat, quoteValue, valueProblem } from '../quoting.ts';
import { checkProfileNames, withSession } from '../session.ts';
import { print, say, standardOutput, writeAll } from '../streams.ts';
import { type Variable, withVariables } from '../variables.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  const format = formatOf(invocation);
  return withSession((session) =>
    withVariables(session, invocation, (variables) => {
      const assignable = format === 'json' ? variables : variables.filter(isAssignable);
      refuseUnfit(format, assignable);
      write(format, assignable);
      return Exit.done;
    }),
  );
}

function formatOf(invocation: Invocation): ExportFormat {
  const format = invocation.value('format');
  return format === 'dotenv' || format === 'json' ? format : 'shell';
}

function isAssignable({ name, profile, secret }: Variable): boolean {
  const fits = isShellName(name);
  if (!fits)
    say(
      `the secret ${JSON.stringify(secret)} of profile ${profile} is skipped: a variable ${name} starts with a digit; use --prefix`,
    );
  return fits;
}

/** Before the first byte is printed: an export that misses a value in its middle would be taken for a whole one. */
function refuseUnfit(format: ExportFormat, variables: readonly Variable[]): void {
  const unfit = variables.flatMap((variable) => {
    const problem = valueProblem(format, variable.value);
    return problem === undefined ? [] : [{ ...variable, problem }];
  });
  const [first, ...others] = unfit;
  if (first === undefined) return;
  for (const { secret, profile, problem } of others)
    say(`the secret ${JSON.stringify(secret)} of profile ${profile} does not fit into ${format}: ${problem}`);
  const { secret, profile, problem } = first;
  throw SesameError.of('value-unfit', { name: JSON.stringify(secret), profile, format, reason: problem });
}

function write(format: ExportFormat, variables: readonly Variable[]): void {
  if (format === 'json') print('{');
  for (const [index, { name, value }] of variables.entries()) {
    const quoted = quoteValue(format, value);
    try {
      print(beforeValue(format, name, index));
      writeAll(standardOutput, quoted);
    } finally {
      quoted.fill(0);
    }
    if (format !== 'json') print('\n');
  }
  if (format === 'json') print('}\n');
}

function beforeValue(format: ExportFormat, name: string, index: number): string {
  switch (format) {
    case 'shell':
      return `export ${name}=`;
    case 'dotenv':
      return `${name}=`;
    case 'json':
      return `${index === 0 ? '' : ','}${JSON.stringify(name)}:`;
  }
}
