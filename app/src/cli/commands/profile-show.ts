// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../../bus/messages.ts';
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { printable } from '../../core/text.ts';
import { chosenProfile } from '../chosen-profile.ts';
import type { Invocation } from '../invocation.ts';
import { policyText } from '../policy-text.ts';
import { profileOf, type Session, withSession } from '../session.ts';
import { print, printJson } from '../streams.ts';

type Vault = ReplyBody<'secrets-status'>['vaults'][number];
type Factors = ReplyBody<'factor-list'>;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const chosen = chosenProfile(invocation);
  return withSession(async (session) => {
    const name = await profileOf(session, invocation, chosen);
    const { body } = await session.bus.request('profile-list', {});
    const profile = body.profiles.find((candidate) => candidate.name === name);
    if (profile === undefined) throw SesameError.of('profile-not-found', { profile: name });
    const vault = await vaultOf(session, name);
    const factors = vault === undefined ? undefined : (await session.bus.request('factor-list', { profile: name })).body;
    if (invocation.flag('json')) printJson({ ...profile, vault: vault ?? null, factors: factors ?? null });
    else print(describeProfile(profile, vault, factors));
    return Exit.done;
  });
}

async function vaultOf({ bus }: Session, name: string): Promise<Vault | undefined> {
  const { body } = await bus.request('secrets-status', {});
  return body.vaults.find(({ profile }) => profile === name);
}

function describeProfile(
  profile: ReplyBody<'profile-list'>['profiles'][number],
  vault: Vault | undefined,
  factors: Factors | undefined,
): string {
  const lines = [
    ['profile', `${profile.name}${profile.default ? ' (default)' : ''}`],
    ['id', profile.id],
    ['state', profile.active ? 'active' : 'inactive'],
    ['vault', vault === undefined ? 'none' : vault.state],
    ['problem', vault?.problem ?? ''],
    ['factors', factors?.factors.map(({ factor }) => factor).join(', ') ?? ''],
    ['policy', factors === undefined ? '' : policyText(factors.policy)],
    ['enforced by', vault?.enforcement === undefined ? '' : enforcementText[vault.enforcement]],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([label = '', value = '']) => `${label.padEnd(12)}${printable(value)}\n`)
    .join('');
}

const enforcementText = {
  cryptography: 'cryptography',
  daemon: 'the daemon: each factor alone decrypts a copied vault',
} as const;
