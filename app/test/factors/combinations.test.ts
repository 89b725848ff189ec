// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { defaultVaultSuite } from '../../src/crypto/suite.ts';
import type { FactorId, PolicyFactorId } from '../../src/factors/factor-id.ts';
import type { Evidence } from '../../src/factors/keyring.ts';
import type { AuthPolicy } from '../../src/factors/policy.ts';
import { encodeSshEvidence } from '../../src/factors/ssh-evidence.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { SshAgent } from '../../src/ssh/agent.ts';
import { openSshMissing, RealAgent } from '../support/ssh-agent.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { masterKeyOf, memory, password, recovery, reveal } from './fixture.ts';
import { byTpm, TpmFixture } from './tpm-fixture.ts';

/** Which evidence opens a vault with two factors: the first alone, the second alone, both. */
interface Row {
  readonly factors: readonly [PolicyFactorId, FactorId];
  readonly policy: string;
  readonly opens: readonly [first: boolean, second: boolean, both: boolean];
}

const policies: Readonly<Record<string, AuthPolicy>> = {
  any: 'any',
  all: 'all',
  'the password': { policy: { required: ['password'], additional_required: 0 } },
  'the ssh key': { policy: { required: ['ssh-agent'], additional_required: 0 } },
  'the TPM': { policy: { required: ['tpm'], additional_required: 0 } },
  'the password and another': { policy: { required: ['password'], additional_required: 1 } },
  'the ssh key and another': { policy: { required: ['ssh-agent'], additional_required: 1 } },
  'one of them': { policy: { required: [], additional_required: 1 } },
  'two of them': { policy: { required: [], additional_required: 2 } },
};

const [yes, no] = [true, false];
const table: readonly Row[] = [
  { factors: ['password', 'ssh-agent'], policy: 'any', opens: [yes, yes, yes] },
  { factors: ['password', 'ssh-agent'], policy: 'all', opens: [no, no, yes] },
  { factors: ['password', 'ssh-agent'], policy: 'the password', opens: [yes, no, yes] },
  { factors: ['password', 'ssh-agent'], policy: 'the ssh key', opens: [no, yes, yes] },
  { factors: ['password', 'ssh-agent'], policy: 'the password and another', opens: [no, no, yes] },
  { factors: ['password', 'ssh-agent'], policy: 'one of them', opens: [yes, yes, yes] },
  { factors: ['password', 'ssh-agent'], policy: 'two of them', opens: [no, no, yes] },

  { factors: ['password', 'tpm'], policy: 'any', opens: [yes, yes, yes] },
  { factors: ['password', 'tpm'], policy: 'all', opens: [no, no, yes] },
  { factors: ['password', 'tpm'], policy: 'the password', opens: [yes, no, yes] },
  { factors: ['password', 'tpm'], policy: 'the TPM', opens: [no, yes, yes] },
  { factors: ['password', 'tpm'], policy: 'the password and another', opens: [no, no, yes] },
  { factors: ['password', 'tpm'], policy: 'one of them', opens: [yes, yes, yes] },
  { factors: ['password', 'tpm'], policy: 'two of them', opens: [no, no, yes] },

  { factors: ['ssh-agent', 'tpm'], policy: 'any', opens: [yes, yes, yes] },
  { factors: ['ssh-agent', 'tpm'], policy: 'all', opens: [no, no, yes] },
  { factors: ['ssh-agent', 'tpm'], policy: 'the ssh key', opens: [yes, no, yes] },
  { factors: ['ssh-agent', 'tpm'], policy: 'the TPM', opens: [no, yes, yes] },
  { factors: ['ssh-agent', 'tpm'], policy: 'the ssh key and another', opens: [no, no, yes] },
  { factors: ['ssh-agent', 'tpm'], policy: 'one of them', opens: [yes, yes, yes] },
  { factors: ['ssh-agent', 'tpm'], policy: 'two of them', opens: [no, no, yes] },

  // A recovery key opens by itself whatever the policy, and no policy counts it.
  { factors: ['password', 'recovery'], policy: 'any', opens: [yes, yes, yes] },
  { factors: ['password', 'recovery'], policy: 'all', opens: [yes, yes, yes] },
  { factors: ['password', 'recovery'], policy: 'the password', opens: [yes, yes, yes] },
  { factors: ['ssh-agent', 'recovery'], policy: 'any', opens: [yes, yes, yes] },
  { factors: ['ssh-agent', 'recovery'], policy: 'all', opens: [yes, yes, yes] },
  { factors: ['ssh-agent', 'recovery'], policy: 'the ssh key', opens: [yes, yes, yes] },
  { factors: ['tpm', 'recovery'], policy: 'any', opens: [yes, yes, yes] },
  { factors: ['tpm', 'recovery'], policy: 'all', opens: [yes, yes, yes] },
  { factors: ['tpm', 'recovery'], policy: 'the TPM', opens: [yes, yes, yes] },
];

describe('a vault with two factors', { skip: openSshMissing }, () => {
  let real: RealAgent;
  let chip: SoftwareTpm;
  before(async () => {
    real = await RealAgent.start();
    real.add('key', 'ed25519');
    chip = await SoftwareTpm.start();
    chip.extend(7);
  });
  after(async () => {
    await real.stop();
    await chip.remove();
  });

  function sshKey(challenge: Buffer): Evidence {
    const agent = SshAgent.connect(memory, real.socket);
    try {
      const [identity] = agent.identities();
      assert.ok(identity);
      const signatures = [agent.sign(identity.key, challenge), agent.sign(identity.key, challenge)];
      return { factor: 'ssh-agent', bytes: encodeSshEvidence(memory, identity.key, signatures) };
    } finally {
      agent.close();
    }
  }

  for (const { factors, policy, opens } of table) {
    const [first, second] = factors;
    const whoOpens = [first, second, 'both'].filter((_, index) => opens[index]).join(', ');

    it(`of ${first} and ${second} under the policy "${policy}" is opened by: ${whoOpens}`, async () => {
      const fixture = new TpmFixture(chip);
      try {
        const { challenge, salt } = fixture.keyring.sshChallenge('home', defaultVaultSuite);
        let recoveryKey: SecretBytes | undefined;
        const bring = (id: FactorId): Evidence => {
          if (id === 'recovery') return recovery(recoveryKey);
          return id === 'ssh-agent' ? sshKey(challenge) : id === 'tpm' ? byTpm() : password();
        };
        const policyFactors = factors.filter((id) => id !== 'recovery');
        const keys = await fixture.keyring.initialise({
          profile: 'home',
          evidence: policyFactors.map(bring),
          policy: policies[policy] ?? assert.fail(policy),
          recovery: second === 'recovery',
          suite: defaultVaultSuite,
          targetDirectory: fixture.stage(),
          ...(salt && { salt }),
        });
        fixture.commit();
        recoveryKey = keys.recoveryKey;
        const masterKey = reveal(keys.masterKey);

        for (const [index, presented] of [[first], [second], factors].entries()) {
          const opened = masterKeyOf(await fixture.keyring.unlock('home', presented.map(bring)));
          assert.equal(opened, opens[index] ? masterKey : 'partial', presented.join(' and '));
          fixture.keyring.forget('home');
        }
      } finally {
        fixture.remove();
      }
    });
  }
});
