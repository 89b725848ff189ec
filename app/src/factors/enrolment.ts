// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { SesameError } from '../core/errors.ts';
import { readBounded, writeDurably } from '../linux/files.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import type { FactorContext } from './factor.ts';
import type { FactorId } from './factor-id.ts';
import { fileMode, hasVaultFiles, metaSuffix, profileFile } from './profile-files.ts';
import { readSalt } from './salt.ts';
import {
  foreignVaultMeta,
  parseVaultMeta,
  passwordIsMasterKey,
  recoveryEnrolledAt,
  serialiseVaultMeta,
  suiteOf,
  type VaultMeta,
  withPasswordAsMasterKey,
  withRecovery,
} from './vault-meta.ts';

const metaLimit = 65_536;

/** What the files of one profile say about the ways into its vault. */
export interface Enrolment {
  readonly directory: string;
  readonly context: FactorContext;
  readonly meta: VaultMeta;
  /** Every factor that opens the vault, recovery included. */
  readonly enrolled: ReadonlySet<FactorId>;
}

/**
 * @throws SesameError vault-not-initialised, file-damaged, file-too-new
 */
export function readEnrolment(memory: SecretMemory, directory: string, profile: string): Enrolment {
  if (!hasVaultFiles(directory, profile)) throw SesameError.of('vault-not-initialised', { profile });
  const salt = readSalt(directory, profile);
  const meta = readMeta(directory, profile);
  const enrolled = new Set<FactorId>(meta.enrolled_factors.map((factor) => factor.factor_id));
  if (recoveryEnrolledAt(meta) !== undefined) enrolled.add('recovery');
  return { directory, context: { memory, profile, salt, suite: suiteOf(meta) }, meta, enrolled };
}

/** @throws SesameError storage-full, storage-read-only, storage-failed */
export function writeMeta(directory: string, profile: string, meta: VaultMeta): void {
  writeDurably(profileFile(directory, profile, metaSuffix), serialiseVaultMeta(meta), fileMode);
}

function readMeta(directory: string, profile: string): VaultMeta {
  const path = profileFile(directory, profile, metaSuffix);
  const bytes = readBounded(path, metaLimit);
  const meta = bytes === undefined ? inferMeta(directory, profile) : parseVaultMeta(path, bytes);
  return passwordIsMasterKey(meta) === undefined
    ? withPasswordAsMasterKey(meta, hasOldestPassword(directory, profile, meta))
    : meta;
}

/** The oldest vaults have no metadata: a password alone opened them, and keys that were enrolled later have their files. */
function inferMeta(directory: string, profile: string): VaultMeta {
  const has = (suffix: string) => existsSync(profileFile(directory, profile, suffix));
  const factors = [
    { factor_id: 'password', label: 'master password', present: true },
    { factor_id: 'ssh-agent', label: 'SSH key', present: has('ssh-enrollment') },
    { factor_id: 'tpm', label: 'TPM', present: has('tpm-enrollment') },
  ] as const;
  const enrolled = factors
    .filter((factor) => factor.present)
    .map(({ factor_id, label }) => ({ factor_id, label, enrolled_at: 0 }));
  const meta = foreignVaultMeta('any', enrolled);
  // Only this program makes recovery keys, and it never leaves the password without a wrap.
  return has('recovery-wrap') ? withRecovery(meta, 0) : meta;
}

/** A password that is enrolled without a wrap: in the oldest vaults, and only there, it gives the master key itself. */
function hasOldestPassword(directory: string, profile: string, meta: VaultMeta): boolean {
  const enrolled = meta.enrolled_factors.some((factor) => factor.factor_id === 'password');
  return meta.auth_policy === 'any' && enrolled && !existsSync(profileFile(directory, profile, 'password-wrap'));
}
