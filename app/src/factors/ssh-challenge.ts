// SPDX-License-Identifier: MIT
import type { Enrolment } from './enrolment.ts';
import type { FactorContext } from './factor.ts';
import { newSalt } from './salt.ts';
import { challengeOf, sshAgentFactor } from './ssh-agent.ts';
import { readSshEnrolment } from './ssh-enrolment.ts';
import { readFactorFile } from './verification.ts';

/** What an ssh agent is to sign. */
export interface SshChallenge {
  /** 32 bytes; always the same for one vault. */
  readonly challenge: Buffer;
  /** 16 bytes, for a vault that is yet to be made: it must be made with them. */
  readonly salt?: Buffer;
  /** The key that opens the vault, when there is one. */
  readonly enrolled?: { readonly fingerprint: string; readonly keyType: string };
}

export function newSshChallenge(context: Omit<FactorContext, 'salt'>): SshChallenge {
  const salt = newSalt();
  return { challenge: challengeOf({ ...context, salt }), salt };
}

/** @throws SesameError file-damaged, file-too-new */
export function sshChallengeOf({ directory, context, enrolled }: Enrolment): SshChallenge {
  const challenge = challengeOf(context);
  if (!enrolled.has('ssh-agent')) return { challenge };
  const { fingerprint, keyType } = readSshEnrolment(readFactorFile(directory, context.profile, sshAgentFactor));
  return { challenge, enrolled: { fingerprint, keyType } };
}
