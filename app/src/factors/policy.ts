// SPDX-License-Identifier: MIT
import { isDeepStrictEqual } from 'node:util';
import { SesameError } from '../core/errors.ts';
import { isPolicyFactorId, type PolicyFactorId, policyFactorIds, requirePolicyFactorId } from './factor-id.ts';

/** Some factors always, and a number of further ones from the rest. */
interface RequiredFactors {
  policy: { required: PolicyFactorId[]; additional_required: number };
}

/** How factors combine, in the form in which vault-meta and the bus carry it. Recovery is no part of it. */
export type AuthPolicy = 'any' | 'all' | RequiredFactors;

/** The same with factor names that nobody has checked yet. */
export type UncheckedPolicy = 'any' | 'all' | { policy: { required: string[]; additional_required: number } };

/** `any` and `all` hold by cryptography; a required combination is only what the daemon insists on. */
export type Enforcement = 'cryptography' | 'daemon';

export type Verdict =
  | { readonly satisfied: true }
  | {
      readonly satisfied: false;
      /** The factors that are still of use, in factor order. */
      readonly remaining: PolicyFactorId[];
      /** How many more are needed at the least, the required ones among them included. */
      readonly needed: number;
    };

/** @throws SesameError factor-unknown */
export function requirePolicy(policy: UncheckedPolicy): AuthPolicy {
  if (policy === 'any' || policy === 'all') return policy;
  const { required, additional_required } = policy.policy;
  return { policy: { required: required.map(requirePolicyFactorId), additional_required } };
}

/**
 * The policy of a new vault. Somebody who configured one other than the default relies on it: only the configuration changes that.
 * @param asked what the command that makes the vault says, if it says anything
 * @throws SesameError policy-contradictory, factor-unknown
 */
export function chosenPolicy(profile: string, configured: UncheckedPolicy, asked: UncheckedPolicy | undefined): AuthPolicy {
  const policy = requirePolicy(configured);
  if (asked === undefined) return policy;
  const wanted = requirePolicy(asked);
  if (policy !== 'any' && !isSamePolicy(policy, wanted)) throw SesameError.of('policy-contradictory', { profile });
  return wanted;
}

/** Whether two policies ask for the same, in whichever order they name the factors. */
export function isSamePolicy(one: UncheckedPolicy, other: UncheckedPolicy): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  const [first, second] = [one.policy, other.policy];
  return (
    first.additional_required === second.additional_required &&
    isDeepStrictEqual(first.required.toSorted(), second.required.toSorted())
  );
}

export function enforcementOf(policy: AuthPolicy): Enforcement {
  return policy === 'any' || policy === 'all' ? 'cryptography' : 'daemon';
}

/** Whether each factor wraps a piece of its own, so that any change of factors changes the master key. */
export function isCombined(policy: AuthPolicy): boolean {
  return policy === 'all';
}

/**
 * Whether the presented factors satisfy the policy, and otherwise what is missing. Factors that are not enrolled do not count.
 * No policy is satisfied by nothing at all.
 */
export function evaluate(policy: AuthPolicy, enrolled: ReadonlySet<string>, presented: ReadonlySet<string>): Verdict {
  const here = policyFactorIds.filter((id) => enrolled.has(id) && presented.has(id));
  const absent = policyFactorIds.filter((id) => enrolled.has(id) && !presented.has(id));
  if (policy === 'any') return verdict(absent, here.length > 0 ? 0 : 1);
  if (policy === 'all') return verdict(absent, here.length > 0 || absent.length > 0 ? absent.length : 1);

  const required = new Set<string>(policy.policy.required);
  const requiredMissing = policyFactorIds.filter((id) => required.has(id) && !here.includes(id));
  const additionalHere = here.filter((id) => !required.has(id)).length;
  const additionalMissing = Math.max(0, policy.policy.additional_required - additionalHere);
  const needed = requiredMissing.length + additionalMissing;
  if (needed === 0) return verdict(absent, here.length > 0 ? 0 : 1);
  const additional = additionalMissing > 0 ? absent.filter((id) => !required.has(id)) : [];
  return verdict(
    policyFactorIds.filter((id) => requiredMissing.includes(id) || additional.includes(id)),
    needed,
  );
}

function verdict(remaining: PolicyFactorId[], needed: number): Verdict {
  return needed === 0 ? { satisfied: true } : { satisfied: false, remaining, needed };
}

/** Whether a vault with these factors could ever be unlocked under the policy. */
export function isSatisfiable(policy: AuthPolicy, enrolled: ReadonlySet<string>): boolean {
  return evaluate(policy, enrolled, enrolled).satisfied;
}

/**
 * Refuses a change after which nobody could unlock the vault any more.
 * @param left the factors that the vault would have then
 * @param removed the factor that is taken away on purpose, if any
 * @throws SesameError factor-last, factor-required, factor-evidence-missing, policy-unsatisfiable
 */
export function requireSatisfiable(profile: string, policy: AuthPolicy, left: ReadonlySet<string>, removed?: string): void {
  const outcome = evaluate(policy, left, left);
  if (outcome.satisfied) return;
  if (removed !== undefined) {
    const code = [...left].some(isPolicyFactorId) ? 'factor-required' : 'factor-last';
    throw SesameError.of(code, { profile, factor: removed });
  }
  const [factor] = outcome.remaining;
  if (factor !== undefined) throw SesameError.of('factor-evidence-missing', { profile, factor });
  throw SesameError.of('policy-unsatisfiable', { profile, needed: outcome.needed });
}
