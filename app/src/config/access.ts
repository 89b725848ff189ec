// SPDX-License-Identifier: MIT
import type { Configuration } from './configuration.ts';

export type AccessDecision = 'allow' | 'deny';

/** Stands for listing the names of a profile. */
export const listing = Symbol('listing');

/** In the rules of a profile, stands for every client that they do not name. No client can be called so. */
export const everyOtherClient = '*';

/**
 * Whether a client may use a secret, or list. The first line that matches decides: profile unknown and no rules anywhere: allow ·
 * profile unknown and rules somewhere: deny · profile without rules: allow · unregistered client: deny · client not named by the
 * rules: what they say of "*", and allow where they say nothing · name named: allow · otherwise deny. A client with an empty list may
 * not even list.
 */
export function decideAccess(
  { profiles }: Pick<Configuration, 'profiles'>,
  profile: string,
  client: { readonly name: string | undefined },
  secret: string | typeof listing,
): AccessDecision {
  const own = Object.hasOwn(profiles, profile) ? profiles[profile] : undefined;
  if (own === undefined) return Object.values(profiles).some(({ secrets }) => hasRules(secrets.access)) ? 'deny' : 'allow';
  const { access } = own.secrets;
  if (!hasRules(access)) return 'allow';
  if (client.name === undefined) return 'deny';
  const rule = Object.hasOwn(access, client.name) ? client.name : everyOtherClient;
  const names = Object.hasOwn(access, rule) ? access[rule] : undefined;
  if (names === undefined) return 'allow';
  if (secret === listing) return names.length > 0 ? 'allow' : 'deny';
  return names.some((name) => covers(name, secret)) ? 'allow' : 'deny';
}

function hasRules(access: Readonly<Record<string, readonly string[]>>): boolean {
  return Object.keys(access).length > 0;
}

function covers(rule: string, secret: string): boolean {
  if (rule === '*') return true;
  return rule.endsWith('/*') ? secret.startsWith(rule.slice(0, -1)) : rule === secret;
}
