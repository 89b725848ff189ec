// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto';
import { assert } from '../core/errors.ts';
import { combinedMasterKeyContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { type FactorContext, pieceLength } from './factor.ts';
import { type FactorId, policyFactorIds } from './factor-id.ts';
import { type AuthPolicy, isCombined } from './policy.ts';

/** What factors unwrapped, by factor. Whoever holds the map releases what is in it. */
export type Pieces = Map<FactorId, SecretBytes>;

/** 32 random bytes in secret memory: a master key, or a piece of one. */
export function newPiece(memory: SecretMemory): SecretBytes {
  const piece = memory.allocate(pieceLength);
  randomFillSync(piece.bytes);
  return piece;
}

export function releasePieces(pieces: Pieces): void {
  for (const piece of pieces.values()) piece.release();
  pieces.clear();
}

/**
 * The master key out of the pieces that satisfy a policy; the pieces stay the caller's. In `all` mode it is derived from all of
 * them in factor order, otherwise each of them is the master key.
 */
export function combinePieces({ memory, profile, suite }: FactorContext, policy: AuthPolicy, pieces: Pieces): SecretBytes {
  const ordered = policyFactorIds.map((id) => pieces.get(id)).filter((piece) => piece !== undefined);
  if (isCombined(policy)) {
    const material = ordered.map((piece) => piece.bytes);
    return deriveKey(memory, suite.hkdf, combinedMasterKeyContext(profile), material);
  }
  const [first] = ordered;
  assert(first !== undefined, 'a policy is satisfied by at least one factor');
  return copyPiece(memory, first);
}

/** A second copy in secret memory, with an owner of its own. */
export function copyPiece(memory: SecretMemory, piece: SecretBytes): SecretBytes {
  const copy = memory.allocate(piece.length);
  copy.bytes.set(piece.bytes);
  return copy;
}
