// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded, removeWiped, writeDurably } from '../linux/files.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { type Enrolment, writeMeta } from './enrolment.ts';
import type { Evidence, Factor } from './factor.ts';
import { type FactorId, isPolicyFactorId, type PolicyFactorId } from './factor-id.ts';
import { isCombined, requireSatisfiable } from './policy.ts';
import { fileMode, profileFile } from './profile-files.ts';
import { newRecoveryKey } from './recovery-key.ts';
import { type Factors, requireFactor } from './registry.ts';
import { writeWrap } from './staging.ts';
import {
  passwordIsMasterKey,
  type VaultMeta,
  withFactors,
  withoutFactor,
  withRecovery,
  withRenewedFactor,
} from './vault-meta.ts';
import { factorFileLimit, readFactorFile } from './verification.ts';

/** `rekey-needed`: nothing was changed, the change takes a new master key and goes through stageRekey. */
export type Added =
  | {
      readonly state: 'added';
      /** As text, to be shown once; the caller releases it. Only when recovery was added. */
      readonly recoveryKey?: SecretBytes;
    }
  | { readonly state: 'rekey-needed' };

export interface Removed {
  readonly state: 'removed' | 'rekey-needed';
}

export type Replaced =
  | {
      readonly state: 'replaced';
      /** As text, to be shown once; the caller releases it. Only when recovery was replaced. */
      readonly recoveryKey?: SecretBytes;
    }
  | { readonly state: 'rekey-needed' };

export interface Addition {
  readonly enrolment: Enrolment;
  readonly factors: Factors;
  readonly factor: FactorId;
  readonly evidence: readonly Evidence[];
  readonly masterKey: SecretBytes;
  /** Unix seconds. */
  readonly now: number;
}

export async function addFactor(addition: Addition): Promise<Added> {
  const { factor, enrolment } = addition;
  const { profile } = enrolment.context;
  if (enrolment.enrolled.has(factor)) throw SesameError.of('factor-enrolled', { profile, factor });
  return factor === 'recovery' ? await addRecovery(addition) : await addPolicyFactor(addition, factor);
}

async function addPolicyFactor({ enrolment, factors, evidence, masterKey, now }: Addition, id: PolicyFactorId): Promise<Added> {
  const { meta, context } = enrolment;
  const factor = requireFactor(factors, id);
  const given = evidence.find((part) => part.factor === id);
  if (given === undefined) throw SesameError.of('factor-evidence-missing', { profile: context.profile, factor: id });
  if (isCombined(meta.auth_policy)) return { state: 'rekey-needed' };
  await enrol(enrolment, factor, given.bytes, masterKey, (label) =>
    withFactors(meta, [...meta.enrolled_factors, { factor_id: id, label, enrolled_at: now }]),
  );
  return { state: 'added' };
}

async function addRecovery({ enrolment, factors, masterKey, now }: Addition): Promise<Added> {
  const recoveryKey = newRecoveryKey(enrolment.context.memory);
  try {
    const factor = requireFactor(factors, 'recovery');
    await enrol(enrolment, factor, recoveryKey, masterKey, () => withRecovery(enrolment.meta, now));
    return { state: 'added', recoveryKey };
  } catch (thrown) {
    recoveryKey.release();
    throw thrown;
  }
}

/** The wrap goes first: until the metadata names it nothing uses it, and a failure takes it away again. */
async function enrol(
  { directory, context }: Enrolment,
  factor: Factor,
  evidence: SecretBytes,
  masterKey: SecretBytes,
  enrolled: (label: string) => VaultMeta,
): Promise<void> {
  const label = await writeWrap(directory, context, { factor, evidence }, masterKey);
  try {
    writeMeta(directory, context.profile, enrolled(label));
  } catch (thrown) {
    // Metadata that is only not yet safe from a power cut names the wrap already.
    const written = thrown instanceof SesameError && thrown.code === 'storage-unsynced';
    if (!written) removeWiped(profileFile(directory, context.profile, factor.fileSuffix));
    throw thrown;
  }
}

/** The same master key under new evidence. `Addition` as for a new factor, which this one is from now on. */
export async function replaceFactor({ enrolment, factors, factor: id, evidence, masterKey, now }: Addition): Promise<Replaced> {
  const { meta, context, enrolled } = enrolment;
  const { profile } = context;
  if (!enrolled.has(id)) throw SesameError.of('factor-not-enrolled', { profile, factor: id });
  const factor = requireFactor(factors, id);
  if (!isPolicyFactorId(id)) return await replaceRecovery(enrolment, factor, masterKey, now);
  const given = evidence.find((part) => part.factor === id);
  if (given === undefined) throw SesameError.of('factor-evidence-missing', { profile, factor: id });
  // Where the password gives the master key itself, a new one gives another.
  if (isCombined(meta.auth_policy) || (id === 'password' && passwordIsMasterKey(meta))) return { state: 'rekey-needed' };
  await rewrap(enrolment, factor, given.bytes, masterKey, (label) => withRenewedFactor(meta, id, label, now));
  return { state: 'replaced' };
}

async function replaceRecovery(enrolment: Enrolment, factor: Factor, masterKey: SecretBytes, now: number): Promise<Replaced> {
  const recoveryKey = newRecoveryKey(enrolment.context.memory);
  try {
    await rewrap(enrolment, factor, recoveryKey, masterKey, () => withRecovery(enrolment.meta, now));
    return { state: 'replaced', recoveryKey };
  } catch (thrown) {
    recoveryKey.release();
    throw thrown;
  }
}

/** The wrap goes last: until it is there whole, the old evidence opens the vault and nothing else does. */
async function rewrap(
  { directory, context }: Enrolment,
  factor: Factor,
  evidence: SecretBytes,
  masterKey: SecretBytes,
  renewed: (label: string) => VaultMeta,
): Promise<void> {
  const path = profileFile(directory, context.profile, factor.fileSuffix);
  const bytes = await factor.wrap(context, evidence, masterKey);
  const present = readBounded(path, factorFileLimit);
  if (present !== undefined) factor.replaces?.({ path, bytes: present }, bytes);
  writeMeta(directory, context.profile, renewed(factor.label({ path, bytes })));
  writeDurably(path, bytes, fileMode);
}

export function removeFactor(enrolment: Enrolment, factors: Factors, id: FactorId): Removed {
  const { directory, context, meta, enrolled } = enrolment;
  const { profile } = context;
  if (!enrolled.has(id)) throw SesameError.of('factor-not-enrolled', { profile, factor: id });
  const factor = requireFactor(factors, id);
  if (isPolicyFactorId(id)) {
    requireOtherWaysIn(enrolment, factors, id);
    if (isCombined(meta.auth_policy) || (id === 'password' && passwordIsMasterKey(meta))) return { state: 'rekey-needed' };
  }
  // The file goes first: what a crash leaves behind is still listed, and can be removed again.
  const path = profileFile(directory, profile, factor.fileSuffix);
  removeWiped(path);
  factor.removed?.(path);
  writeMeta(directory, profile, id === 'recovery' ? withRecovery(meta, undefined) : withoutFactor(meta, id));
  return { state: 'removed' };
}

/** What remains must satisfy the policy with files that are whole and that this program can use. */
function requireOtherWaysIn({ directory, context, meta }: Enrolment, factors: Factors, id: PolicyFactorId): void {
  const others = meta.enrolled_factors.map(({ factor_id }) => factor_id).filter((other) => other !== id);
  const usable = others.map((other) => factors.get(other)).filter((factor) => factor !== undefined);
  requireSatisfiable(context.profile, meta.auth_policy, new Set(usable.map((factor) => factor.id)), id);
  for (const factor of usable) {
    const direct = factor.id === 'password' && passwordIsMasterKey(meta);
    if (!direct) readFactorFile(directory, context.profile, factor);
  }
}
