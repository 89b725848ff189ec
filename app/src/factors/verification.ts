// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { Enrolment } from './enrolment.ts';
import type { Evidence, Factor, FactorFile } from './factor.ts';
import { evidenceName } from './factor-id.ts';
import { stretchPassword } from './password.ts';
import { type Pieces, releasePieces } from './pieces.ts';
import { profileFile } from './profile-files.ts';
import { type Factors, requireFactor } from './registry.ts';
import { passwordIsMasterKey } from './vault-meta.ts';

/** Far above what any factor writes, a TPM's included. */
export const factorFileLimit = 65_536;

/** Whether a candidate opens the vault: the only proof there is for a password that has no wrap. */
export type OpensVault = (profile: string, masterKey: SecretBytes) => boolean;

interface Claim {
  readonly factor: Factor;
  readonly evidence: SecretBytes;
  /** Undefined for a password that gives the master key itself. */
  readonly file: FactorFile | undefined;
}

/**
 * What each part of the evidence unwraps to. All of it must be right, and all of it is tried before an answer: wrong evidence
 * takes the same work as right evidence.
 * @returns the pieces; the caller releases them
 * @throws SesameError authentication-failed naming the first wrong factor; factor-not-enrolled, factor-unknown, factor-repeated,
 *   file-damaged, file-too-new before any work
 */
export async function verifyEvidence(
  enrolment: Enrolment,
  factors: Factors,
  opensVault: OpensVault,
  evidence: readonly Evidence[],
): Promise<Pieces> {
  const claims = readClaims(enrolment, factors, evidence);
  const pieces: Pieces = new Map();
  let wrong: Factor | undefined;
  try {
    for (const claim of claims) {
      const piece = await unwrap(enrolment, opensVault, claim);
      if (piece === undefined) wrong ??= claim.factor;
      else pieces.set(claim.factor.id, piece);
    }
    if (wrong === undefined) return pieces;
    throw SesameError.of('authentication-failed', { factor: evidenceName(wrong.id), profile: enrolment.context.profile });
  } catch (thrown) {
    releasePieces(pieces);
    throw thrown;
  }
}

/** @throws SesameError factor-repeated: several guesses must not count as one attempt */
export function requireDistinct(profile: string, evidence: readonly Evidence[]): void {
  const seen = new Set<string>();
  for (const { factor } of evidence) {
    if (seen.has(factor)) throw SesameError.of('factor-repeated', { profile, factor });
    seen.add(factor);
  }
}

/** @throws SesameError file-damaged, file-too-new */
export function readFactorFile(directory: string, profile: string, factor: Factor): FactorFile {
  const path = profileFile(directory, profile, factor.fileSuffix);
  const bytes = readBounded(path, factorFileLimit);
  if (bytes === undefined) {
    throw SesameError.of('file-damaged', { path, reason: `it is missing although the factor ${factor.id} is enrolled` });
  }
  const file = { path, bytes };
  factor.check(file);
  return file;
}

function readClaims(enrolment: Enrolment, factors: Factors, evidence: readonly Evidence[]): Claim[] {
  const { directory, context, enrolled, meta } = enrolment;
  const { profile } = context;
  requireDistinct(profile, evidence);
  return evidence.map(({ factor: id, bytes }) => {
    if (!enrolled.has(id)) throw SesameError.of('factor-not-enrolled', { profile, factor: id });
    const factor = requireFactor(factors, id);
    const direct = id === 'password' && passwordIsMasterKey(meta);
    return { factor, evidence: bytes, file: direct ? undefined : readFactorFile(directory, profile, factor) };
  });
}

async function unwrap({ context }: Enrolment, opensVault: OpensVault, claim: Claim): Promise<SecretBytes | undefined> {
  if (claim.file !== undefined) return await claim.factor.unwrap(context, claim.file, claim.evidence);
  const candidate = await stretchPassword(context, claim.evidence);
  let right = false;
  try {
    right = opensVault(context.profile, candidate);
    return right ? candidate : undefined;
  } finally {
    if (!right) candidate.release();
  }
}
