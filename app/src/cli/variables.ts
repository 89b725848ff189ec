// SPDX-License-Identifier: MIT
import type { ReplyBody, RequestBody } from '../bus/messages.ts';
import { assert } from '../core/errors.ts';
import { requireProfileName } from '../core/names.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { environmentName, isRefusedName } from './environment-names.ts';
import type { Invocation } from './invocation.ts';
import { profileOf, type Session } from './session.ts';
import { say } from './streams.ts';

/** One secret as an environment variable. */
export interface Variable {
  readonly name: string;
  readonly profile: string;
  readonly secret: string;
  /** A view on secret memory: valid until the variables are released. */
  readonly value: Buffer;
}

const mostProfiles = 16;

/**
 * Runs the work with every secret of the profiles that may become a variable, the first profile that has a name winning, and wipes them
 * afterwards. What is left out is named on standard error.
 */
export async function withVariables<Result>(
  session: Session,
  invocation: Invocation,
  work: (variables: readonly Variable[]) => Result | Promise<Result>,
): Promise<Result> {
  const pages: SecretBytes[] = [];
  try {
    const profiles = await profilesOf(session, invocation);
    const variables = new Map<string, Variable>();
    for await (const variable of fetchAll(session, profiles, invocation.value('prefix'), pages)) choose(variables, variable);
    return await work([...variables.values()]);
  } finally {
    for (const page of pages) page.release();
  }
}

async function profilesOf(session: Session, invocation: Invocation): Promise<string[]> {
  const named = [...new Set(invocation.values('profile').map(requireProfileName))];
  if (named.length > mostProfiles) throw invocation.refuse(`${named.length} profiles are more than ${mostProfiles}`);
  return named.length > 0 ? named : [await profileOf(session, invocation)];
}

async function* fetchAll(
  { bus }: Session,
  profiles: string[],
  prefix: string | undefined,
  pages: SecretBytes[],
): AsyncGenerator<Variable> {
  let after: RequestBody<'secret-environment'>['after'];
  do {
    const request: RequestBody<'secret-environment'> = after === undefined ? { profiles } : { profiles, after };
    const { body, attachment } = await bus.request('secret-environment', request);
    if (attachment !== undefined) pages.push(attachment);
    yield* cut(body.entries, attachment, prefix);
    after = body.next;
  } while (after !== undefined);
}

function* cut(
  entries: ReplyBody<'secret-environment'>['entries'],
  attachment: SecretBytes | undefined,
  prefix: string | undefined,
): Generator<Variable> {
  const values = attachment?.bytes ?? Buffer.alloc(0);
  let offset = 0;
  for (const { profile, name: secret, length } of entries) {
    assert(offset + length <= values.length, 'the attachment holds every value');
    yield { name: environmentName(secret, prefix), profile, secret, value: values.subarray(offset, offset + length) };
    offset += length;
  }
}

function choose(variables: Map<string, Variable>, variable: Variable): void {
  const { name, profile, secret } = variable;
  const label = `the secret ${JSON.stringify(secret)} of profile ${profile} is skipped`;
  const other = variables.get(name);
  if (isRefusedName(name)) say(`${label}: a variable ${name} could take over the program`);
  else if (other === undefined) variables.set(name, variable);
  else if (other.profile === profile) say(`${label}: the variable ${name} is taken by ${JSON.stringify(other.secret)} already`);
}
