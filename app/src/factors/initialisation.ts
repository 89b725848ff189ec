// SPDX-License-Identifier: MIT
import type { VaultSuite } from '../crypto/suite.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { writeMeta } from './enrolment.ts';
import type { Evidence, FactorContext } from './factor.ts';
import { requirePolicyFactorId } from './factor-id.ts';
import { type AuthPolicy, requireSatisfiable } from './policy.ts';
import { newRecoveryKey } from './recovery-key.ts';
import { type Factors, requireFactor } from './registry.ts';
import { newSalt } from './salt.ts';
import { stageKeys } from './staging.ts';
import { newVaultMeta, withRecovery } from './vault-meta.ts';
import { requireDistinct } from './verification.ts';

export interface InitialiseOptions {
  readonly profile: string;
  /** Of every factor that the vault shall have; recovery is not among them. */
  readonly evidence: readonly Evidence[];
  readonly policy: AuthPolicy;
  /** Whether to make a recovery key. */
  readonly recovery: boolean;
  readonly suite: VaultSuite;
  /** What `Keyring.sshChallenge` gave out, where a signature was made over it; a new one when absent. */
  readonly salt?: Buffer;
  /** An existing directory beside the vaults where the files appear under their final names. */
  readonly targetDirectory: string;
}

export interface Initialised {
  /** The caller releases it. */
  readonly masterKey: SecretBytes;
  /** As text, to be shown once; the caller releases it. */
  readonly recoveryKey?: SecretBytes;
}

interface Surroundings {
  readonly memory: SecretMemory;
  readonly factors: Factors;
  /** Unix seconds. */
  readonly now: number;
}

/** Makes the key files of a vault that does not exist yet. */
export async function initialiseVault(options: InitialiseOptions, { memory, factors, now }: Surroundings): Promise<Initialised> {
  const { profile, evidence, policy, suite, targetDirectory } = options;
  requireDistinct(profile, evidence);
  const staged = evidence.map(({ factor, bytes }) => {
    return { id: requirePolicyFactorId(factor), factor: requireFactor(factors, factor), evidence: bytes };
  });
  requireSatisfiable(profile, policy, new Set(staged.map(({ id }) => id)));

  const context: FactorContext = { memory, profile, salt: options.salt ?? newSalt(), suite };
  const recoveryKey = options.recovery ? newRecoveryKey(memory) : undefined;
  let masterKey: SecretBytes | undefined;
  try {
    const recovery = recoveryKey && { factor: requireFactor(factors, 'recovery'), evidence: recoveryKey };
    const keys = await stageKeys({ directory: targetDirectory, context, policy, factors: staged, recovery });
    masterKey = keys.masterKey;
    const enrolled = staged.map(({ id }, index) => ({ factor_id: id, label: keys.labels[index] ?? '', enrolled_at: now }));
    const meta = newVaultMeta(policy, suite, enrolled, now);
    writeMeta(targetDirectory, profile, recoveryKey ? withRecovery(meta, now) : meta);
    return recoveryKey ? { masterKey, recoveryKey } : { masterKey };
  } catch (thrown) {
    masterKey?.release();
    recoveryKey?.release();
    throw thrown;
  }
}
