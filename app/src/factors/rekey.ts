// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { SesameError } from '../core/errors.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { type Enrolment, writeMeta } from './enrolment.ts';
import type { Evidence } from './factor.ts';
import { type FactorId, isPolicyFactorId, type PolicyFactorId } from './factor-id.ts';
import { type Pieces, releasePieces } from './pieces.ts';
import { requireSatisfiable } from './policy.ts';
import { profileFile, profileFileName, wrapSuffixes } from './profile-files.ts';
import { newRecoveryKey } from './recovery-key.ts';
import { type Factors, requireFactor } from './registry.ts';
import { type StagedFactor, stageKeys } from './staging.ts';
import {
  recoveryEnrolledAt,
  type VaultMeta,
  withFactors,
  withoutFactor,
  withPasswordAsMasterKey,
  withRecovery,
} from './vault-meta.ts';
import { requireDistinct } from './verification.ts';

/** A change of factors that takes a new master key. */
export type RekeyChange =
  | { readonly add: PolicyFactorId }
  | { readonly remove: PolicyFactorId }
  | { readonly replace: PolicyFactorId };

export interface RekeyOptions {
  readonly profile: string;
  /** Of the factors that stay, the new one of the factor that is added or replaced, and of recovery if its key is to stay valid. */
  readonly evidence: readonly Evidence[];
  /** An existing directory beside the vaults where the files of the next generation appear under their final names. */
  readonly targetDirectory: string;
  readonly change?: RekeyChange;
  /** Makes a new recovery key, in place of the one there is or as the first. */
  readonly newRecovery: boolean;
}

export interface StagedRekey {
  /** The caller releases it. */
  readonly masterKey: SecretBytes;
  /** The factors of the next generation, recovery included. */
  readonly kept: FactorId[];
  /** Those that were enrolled and are not in the next generation. */
  readonly dropped: FactorId[];
  /** Names of files in the vaults' directory that the next generation has no successor for: wipe them after the commit. */
  readonly droppedFiles: string[];
  /** The new recovery key as text, to be shown once; the caller releases it. */
  readonly recoveryKey?: SecretBytes;
}

interface Surroundings {
  readonly enrolment: Enrolment;
  readonly factors: Factors;
  /** Verifies evidence against the present wraps, and counts failures. */
  readonly verify: (evidence: readonly Evidence[]) => Promise<Pieces>;
  /** Unix seconds. */
  readonly now: number;
}

/** Which factors the next generation has, each with the evidence that will open it. */
interface Plan {
  readonly policyFactors: readonly (StagedFactor & { readonly id: PolicyFactorId })[];
  /** Evidence that keeps the present recovery key. */
  readonly recovery: SecretBytes | undefined;
}

/** Makes the key files of a vault's next generation; the salt and what the metadata says otherwise stay. */
export async function stageRekey(options: RekeyOptions, { enrolment, factors, verify, now }: Surroundings): Promise<StagedRekey> {
  const plan = planRekey(options, enrolment, factors);
  releasePieces(await verify(options.evidence.filter(({ factor }) => factor !== newlyProved(options.change))));

  const { context, meta, enrolled } = enrolment;
  const recoveryKey = options.newRecovery ? newRecoveryKey(context.memory) : undefined;
  const recoveryEvidence = recoveryKey ?? plan.recovery;
  let masterKey: SecretBytes | undefined;
  try {
    const recovery = recoveryEvidence && { factor: requireFactor(factors, 'recovery'), evidence: recoveryEvidence };
    const directory = options.targetDirectory;
    const keys = await stageKeys({ directory, context, policy: meta.auth_policy, factors: plan.policyFactors, recovery });
    masterKey = keys.masterKey;

    const entries = plan.policyFactors.map(({ id }, index) => ({
      factor_id: id,
      label: keys.labels[index] ?? '',
      enrolled_at: now,
    }));
    const recoveryAt = recoveryKey ? now : plan.recovery && recoveryEnrolledAt(meta);
    const renewed = entries.find(({ factor_id }) => factor_id === replacement(options.change));
    const before = renewed === undefined ? meta : withoutFactor(meta, renewed.factor_id);
    writeMeta(directory, context.profile, nextMeta(before, entries, recoveryAt));

    const kept: FactorId[] = plan.policyFactors.map(({ id }) => id);
    if (recovery !== undefined) kept.push('recovery');
    const dropped = [...enrolled].filter((id) => !kept.includes(id));
    const droppedFiles = filesWithoutSuccessor(enrolment, directory);
    return { masterKey, kept, dropped, droppedFiles, ...(recoveryKey && { recoveryKey }) };
  } catch (thrown) {
    masterKey?.release();
    recoveryKey?.release();
    throw thrown;
  }
}

function planRekey(options: RekeyOptions, { context, meta, enrolled }: Enrolment, factors: Factors): Plan {
  const { change, evidence } = options;
  const { profile } = context;
  requireDistinct(profile, evidence);
  const added = addition(change);
  const removed = removal(change);
  if (added !== undefined && enrolled.has(added)) throw SesameError.of('factor-enrolled', { profile, factor: added });
  for (const present of [removed, replacement(change)]) {
    if (present !== undefined && !enrolled.has(present))
      throw SesameError.of('factor-not-enrolled', { profile, factor: present });
  }

  const given = new Map(evidence.map(({ factor, bytes }) => [factor, bytes]));
  if (change !== undefined) requireEveryProof(options, enrolled, given);
  const policyFactors = evidence
    .map(({ factor, bytes }) => ({ id: factor, factor: requireFactor(factors, factor), evidence: bytes }))
    .filter((staged) => staged.id !== removed)
    .filter((staged): staged is typeof staged & { id: PolicyFactorId } => isPolicyFactorId(staged.id));
  requireSatisfiable(profile, meta.auth_policy, new Set(policyFactors.map(({ id }) => id)), removed);
  return { policyFactors, recovery: given.get('recovery') };
}

/** A change of one factor must not drop another one in passing. */
function requireEveryProof(
  { profile, change, newRecovery }: RekeyOptions,
  enrolled: ReadonlySet<FactorId>,
  given: ReadonlyMap<FactorId, SecretBytes>,
): void {
  const added = addition(change);
  const needed = [...enrolled, ...(added === undefined ? [] : [added])]
    .filter((factor) => factor !== removal(change))
    .filter((factor) => factor !== 'recovery' || !newRecovery);
  const missing = needed.find((factor) => !given.has(factor));
  if (missing !== undefined) throw SesameError.of('factor-evidence-missing', { profile, factor: missing });
}

function addition(change: RekeyChange | undefined): PolicyFactorId | undefined {
  return change !== undefined && 'add' in change ? change.add : undefined;
}

function removal(change: RekeyChange | undefined): PolicyFactorId | undefined {
  return change !== undefined && 'remove' in change ? change.remove : undefined;
}

function replacement(change: RekeyChange | undefined): PolicyFactorId | undefined {
  return change !== undefined && 'replace' in change ? change.replace : undefined;
}

/** The factor whose evidence nothing can verify yet. */
function newlyProved(change: RekeyChange | undefined): PolicyFactorId | undefined {
  return addition(change) ?? replacement(change);
}

function nextMeta(meta: VaultMeta, entries: VaultMeta['enrolled_factors'], recoveryAt: number | undefined): VaultMeta {
  return withPasswordAsMasterKey(withRecovery(withFactors(meta, entries), recoveryAt), false);
}

function filesWithoutSuccessor({ directory, context }: Enrolment, next: string): string[] {
  return wrapSuffixes
    .filter((suffix) => existsSync(profileFile(directory, context.profile, suffix)))
    .filter((suffix) => !existsSync(profileFile(next, context.profile, suffix)))
    .map((suffix) => profileFileName(context.profile, suffix));
}
