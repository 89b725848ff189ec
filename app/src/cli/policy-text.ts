// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../bus/messages.ts';

/** A policy in words. */
export function policyText(policy: ReplyBody<'factor-list'>['policy']): string {
  if (policy === 'any') return 'any one factor opens the vault';
  if (policy === 'all') return 'every factor that counts is needed to open the vault';
  const { required, additional_required: more } = policy.policy;
  const others = more === 0 ? '' : `${more} ${required.length === 0 ? '' : 'more '}of the factors that count`;
  return `needed to open the vault: ${[...required, others].filter((part) => part !== '').join(', ')}`;
}
