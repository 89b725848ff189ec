// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { openAesGcm, sealAesGcm } from '../crypto/aead.ts';
import { sshChallengeContext, sshKekContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { requireSuitable } from '../ssh/public-key.ts';
import { signatureProblem } from '../ssh/signature.ts';
import type { Factor, FactorContext } from './factor.ts';
import { readSshEnrolment, writeSshEnrolment } from './ssh-enrolment.ts';
import { decodeSshEvidence, type SshEvidence } from './ssh-evidence.ts';

/**
 * A key in somebody's ssh agent, as upstream has it: the key-encryption key is derived from its signature over a challenge that is always
 * the same. Evidence: see ssh-evidence.ts.
 */
export const sshAgentFactor: Factor = {
  id: 'ssh-agent',
  fileSuffix: 'ssh-enrollment',
  label(file) {
    const { keyType, fingerprint } = readSshEnrolment(file);
    return `${keyType} ${fingerprint}`;
  },
  check: (file) => void readSshEnrolment(file),

  async wrap(context, evidence, piece) {
    const presented = decodeSshEvidence(evidence);
    requireRepeatable(context, presented);
    const { fingerprint, type: keyType } = presented.key;
    const kek = deriveKek(context, presented.signature);
    try {
      return writeSshEnrolment({ fingerprint, keyType, sealed: sealAesGcm(kek, piece.bytes) });
    } finally {
      kek.release();
    }
  },

  async unwrap(context, file, evidence) {
    const { key, signature } = decodeSshEvidence(evidence);
    const enrolled = readSshEnrolment(file);
    const kek = deriveKek(context, signature);
    try {
      const piece = openAesGcm(context.memory, kek, enrolled.sealed);
      if (piece === undefined || (key.fingerprint === enrolled.fingerprint && key.type === enrolled.keyType)) return piece;
      piece.release();
      const reason = `it names ${enrolled.keyType} ${enrolled.fingerprint}, and what opens it is ${key.type} ${key.fingerprint}`;
      throw SesameError.of('file-damaged', { path: file.path, reason });
    } finally {
      kek.release();
    }
  },
};

/** What the agent signs, 32 bytes; derived from the salt, so no secret. */
export function challengeOf({ memory, profile, salt, suite }: FactorContext): Buffer {
  const challenge = deriveKey(memory, suite.hkdf, sshChallengeContext(profile), salt);
  try {
    return Buffer.from(challenge.bytes);
  } finally {
    challenge.release();
  }
}

function deriveKek({ memory, profile, suite }: FactorContext, signature: Buffer): SecretBytes {
  return deriveKey(memory, suite.hkdf, sshKekContext(profile), signature);
}

/** A signature that the key did not make, or would not make again, would lock the owner out. */
function requireRepeatable(context: FactorContext, { key, signature, again }: SshEvidence): void {
  const numbers = requireSuitable(key);
  const unfit = (reason: string) => SesameError.of('ssh-signature-unfit', { fingerprint: key.fingerprint, reason });
  const problem = signatureProblem(numbers, challengeOf(context), signature);
  if (problem !== undefined) throw unfit(problem);
  if (again === undefined) throw unfit('there is only one, and nothing shows that the next one is the same');
  if (!again.equals(signature)) throw unfit('signing twice gave two different ones');
}
