// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type PolicyFactorId, policyFactorIds } from '../../src/factors/factor-id.ts';
import {
  type AuthPolicy,
  chosenPolicy,
  enforcementOf,
  evaluate,
  isSamePolicy,
  isSatisfiable,
  requirePolicy,
  requireSatisfiable,
} from '../../src/factors/policy.ts';
import { failsWith } from './fixture.ts';

const factors = () => fc.subarray([...policyFactorIds]);
const policies: fc.Arbitrary<AuthPolicy> = fc.oneof(
  fc.constant('any' as const),
  fc.constant('all' as const),
  fc.record({ policy: fc.record({ required: factors(), additional_required: fc.nat(4) }) }),
);

/** The definition in words, over whole sets; nothing of it is taken from the implementation. */
function satisfies(policy: AuthPolicy, enrolled: PolicyFactorId[], presented: PolicyFactorId[]): boolean {
  const counted = presented.filter((id) => enrolled.includes(id));
  if (counted.length === 0) return false;
  if (policy === 'any') return true;
  if (policy === 'all') return counted.length === enrolled.length;
  const { required, additional_required } = policy.policy;
  const others = counted.filter((id) => !required.includes(id));
  return required.every((id) => counted.includes(id)) && others.length >= additional_required;
}

function subsets(ids: PolicyFactorId[]): PolicyFactorId[][] {
  const numbers = Array.from({ length: 2 ** ids.length }, (_, number) => number);
  return numbers.map((number) => ids.filter((_, index) => (number >>> index) & 1));
}

/** The smallest sets of further factors that would satisfy the policy, by trying them all. */
function completions(policy: AuthPolicy, enrolled: PolicyFactorId[], presented: PolicyFactorId[]): PolicyFactorId[][] {
  const absent = enrolled.filter((id) => !presented.includes(id));
  const all = subsets(absent).filter((more) => satisfies(policy, enrolled, [...presented, ...more]));
  const least = Math.min(...all.map((more) => more.length));
  return all.filter((more) => more.length === least);
}

describe('evaluating a policy', () => {
  it('agrees with the truth table of the definition', () => {
    fc.assert(
      fc.property(policies, factors(), factors(), (policy, enrolled, presented) => {
        const verdict = evaluate(policy, new Set(enrolled), new Set(presented));
        assert.equal(verdict.satisfied, satisfies(policy, enrolled, presented));
      }),
      { numRuns: 2000 },
    );
  });

  it('names what is needed as the smallest completions do', () => {
    fc.assert(
      fc.property(policies, factors(), factors(), (policy, enrolled, presented) => {
        const verdict = evaluate(policy, new Set(enrolled), new Set(presented));
        const smallest = completions(policy, enrolled, presented);
        fc.pre(!verdict.satisfied && smallest.length > 0);
        if (verdict.satisfied) return;
        assert.equal(verdict.needed, smallest[0]?.length);
        assert.deepEqual(
          verdict.remaining,
          policyFactorIds.filter((id) => smallest.some((set) => set.includes(id))),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('finds a vault satisfiable exactly when some set of its factors opens it', () => {
    fc.assert(
      fc.property(policies, factors(), (policy, enrolled) => {
        const expected = subsets(enrolled).some((presented) => satisfies(policy, enrolled, presented));
        assert.equal(isSatisfiable(policy, new Set(enrolled)), expected);
      }),
      { numRuns: 1000 },
    );
  });

  it('never counts recovery', () => {
    fc.assert(
      fc.property(policies, factors(), factors(), (policy, enrolled, presented) => {
        const without = evaluate(policy, new Set(enrolled), new Set(presented));
        const withIt = evaluate(policy, new Set([...enrolled, 'recovery']), new Set([...presented, 'recovery']));
        assert.deepEqual(withIt, without);
      }),
    );
  });
});

describe('a policy', () => {
  it('is enforced by cryptography when it is any or all', () => {
    assert.deepEqual([enforcementOf('any'), enforcementOf('all')], ['cryptography', 'cryptography']);
  });

  it('is enforced by the daemon when it names factors', () => {
    assert.equal(enforcementOf({ policy: { required: ['tpm'], additional_required: 0 } }), 'daemon');
  });

  it('is taken from the bus when it names known factors', () => {
    const policy = { policy: { required: ['tpm', 'password'], additional_required: 1 } };
    assert.deepEqual(requirePolicy(policy), policy);
  });

  it('is refused when it names recovery', () => {
    const policy = { policy: { required: ['recovery'], additional_required: 0 } };
    assert.throws(() => requirePolicy(policy), failsWith('factor-unknown', 'recovery'));
  });
});

describe('a change of factors', () => {
  const required: AuthPolicy = { policy: { required: ['tpm'], additional_required: 1 } };

  it('may leave what the policy needs', () => {
    requireSatisfiable('home', required, new Set(['tpm', 'password']), 'yubikey');
  });

  it('may not take the last factor', () => {
    assert.throws(
      () => requireSatisfiable('home', 'any', new Set(['recovery']), 'password'),
      failsWith('factor-last', 'password'),
    );
  });

  it('may not take a required factor', () => {
    const left = new Set(['password', 'yubikey']);
    assert.throws(() => requireSatisfiable('home', required, left, 'tpm'), failsWith('factor-required', 'tpm'));
  });

  it('may not take a factor that is needed for the count', () => {
    assert.throws(
      () => requireSatisfiable('home', required, new Set(['tpm']), 'password'),
      failsWith('factor-required', 'password'),
    );
  });

  it('without evidence for a required factor names it', () => {
    assert.throws(() => requireSatisfiable('home', required, new Set(['password'])), failsWith('factor-evidence-missing', 'tpm'));
  });

  it('with too few factors for the count says how many are missing', () => {
    assert.throws(() => requireSatisfiable('home', required, new Set(['tpm'])), failsWith('policy-unsatisfiable', '1 more'));
  });
});

describe('the policy of a new vault', () => {
  const key = { policy: { required: ['ssh-agent', 'tpm'], additional_required: 1 } };

  it('is what the configuration says, where nobody asks for another', () => {
    for (const configured of ['any', 'all', key] as const)
      assert.deepEqual(chosenPolicy('home', configured, undefined), configured);
  });

  it('is what is asked for where the configuration has the default', () => {
    for (const asked of ['any', 'all', key] as const) assert.deepEqual(chosenPolicy('home', 'any', asked), asked);
  });

  it('is refused where the two contradict each other', () => {
    for (const [configured, asked] of [
      ['all', 'any'],
      [key, 'any'],
      [key, 'all'],
      ['all', key],
    ] as const)
      assert.throws(() => chosenPolicy('home', configured, asked), failsWith('policy-contradictory'));
  });

  it('is refused with a factor that nobody knows', () => {
    assert.throws(
      () => chosenPolicy('home', { policy: { required: ['iris'], additional_required: 0 } }, undefined),
      failsWith('factor-unknown'),
    );
  });

  it('is the same in whichever order its factors are named', () => {
    assert.equal(isSamePolicy(key, { policy: { required: ['tpm', 'ssh-agent'], additional_required: 1 } }), true);
  });

  it('is another one with another number or other factors', () => {
    const more = { policy: { ...key.policy, additional_required: 2 } };
    const fewer = { policy: { ...key.policy, required: ['ssh-agent'] } };
    for (const other of ['all', more, fewer] as const) assert.equal(isSamePolicy(key, other), false);
  });
});
