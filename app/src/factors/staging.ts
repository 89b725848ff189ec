// SPDX-License-Identifier: MIT
import { writeDurably } from '../linux/files.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { Factor, FactorContext } from './factor.ts';
import { combinePieces, copyPiece, newPiece, type Pieces, releasePieces } from './pieces.ts';
import { type AuthPolicy, isCombined } from './policy.ts';
import { fileMode, profileFile, saltSuffix } from './profile-files.ts';

export interface StagedFactor {
  readonly factor: Factor;
  readonly evidence: SecretBytes;
}

export interface Staging {
  /** Where the files appear under their final names; not yet the vault's own directory. */
  readonly directory: string;
  readonly context: FactorContext;
  readonly policy: AuthPolicy;
  /** The factors of the policy; at least one. */
  readonly factors: readonly StagedFactor[];
  /** Recovery, which wraps the final master key. */
  readonly recovery: StagedFactor | undefined;
}

export interface StagedKeys {
  /** The caller releases it. */
  readonly masterKey: SecretBytes;
  /** The label of each factor, in the order given. */
  readonly labels: readonly string[];
}

/**
 * Makes a new master key, wraps it (or in `all` mode its pieces) for every factor, and writes the wraps and the salt.
 * @throws SesameError of the factors and of storage; the caller discards the directory then
 */
export async function stageKeys({ directory, context, policy, factors, recovery }: Staging): Promise<StagedKeys> {
  const { memory, profile, salt } = context;
  const shared = newPiece(memory);
  const pieces: Pieces = new Map();
  let masterKey: SecretBytes | undefined;
  try {
    writeDurably(profileFile(directory, profile, saltSuffix), salt, fileMode);
    const labels: string[] = [];
    for (const staged of factors) {
      const piece = isCombined(policy) ? newPiece(memory) : copyPiece(memory, shared);
      pieces.set(staged.factor.id, piece);
      labels.push(await writeWrap(directory, context, staged, piece));
    }
    masterKey = combinePieces(context, policy, pieces);
    if (recovery !== undefined) await writeWrap(directory, context, recovery, masterKey);
    return { masterKey, labels };
  } catch (thrown) {
    masterKey?.release();
    throw thrown;
  } finally {
    releasePieces(pieces);
    shared.release();
  }
}

/**
 * Wraps a piece and writes the file.
 * @returns the factor's label
 */
export async function writeWrap(
  directory: string,
  context: FactorContext,
  { factor, evidence }: StagedFactor,
  piece: SecretBytes,
): Promise<string> {
  const bytes = await factor.wrap(context, evidence, piece);
  const path = profileFile(directory, context.profile, factor.fileSuffix);
  writeDurably(path, bytes, fileMode);
  return factor.label({ path, bytes });
}
