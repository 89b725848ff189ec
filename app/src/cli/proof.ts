// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../bus/messages.ts';
import { announcesEvidence, askForEvidence, askForNewPassword, type Evidence } from './evidence.ts';
import type { Invocation } from './invocation.ts';
import type { Session } from './session.ts';
import { signWithEnrolledKey, signWithNewKey } from './ssh-evidence.ts';

/**
 * The factors that must be proved to change one of them. Where each has its piece of the master key, a change makes a new one, and
 * whoever stays has to be wrapped again, the recovery key included.
 */
export function provedByChange({ policy, factors }: ReplyBody<'factor-list'>, changed: string): string[] {
  if (policy !== 'all' || changed === 'recovery') return [];
  return factors.map(({ factor }) => factor).filter((factor) => factor !== changed);
}

/**
 * Brings what the command line did not: the TPM is there, the ssh agent signs without being asked for; for the rest somebody on the terminal is asked, unless
 * the command line brings evidence by itself. What is still missing then, the daemon names.
 * @throws SesameError of the agent; usage without a terminal
 */
export async function proveEnrolled(
  session: Session,
  invocation: Invocation,
  profile: string,
  evidence: Evidence,
  factors: readonly string[],
): Promise<void> {
  for (const factor of factors) {
    if (evidence.has(factor)) continue;
    if (factor === 'tpm') evidence.addPresence(factor);
    else if (factor === 'ssh-agent') evidence.add(factor, await signWithEnrolledKey(session, invocation, profile, 'enrol'));
    else if (!announcesEvidence(invocation)) evidence.add(factor, askForEvidence(session.memory, invocation, factor, profile));
  }
}

/**
 * The same for a factor that is new, or gets a new key.
 * @returns the salt with which a vault that does not exist yet must be made, if it matters
 */
export async function proveNew(
  session: Session,
  invocation: Invocation,
  profile: string,
  evidence: Evidence,
  factor: string,
): Promise<string | undefined> {
  if (evidence.has(factor)) return undefined;
  if (factor === 'tpm') evidence.addPresence(factor);
  if (factor === 'ssh-agent') {
    const signed = await signWithNewKey(session, invocation, profile);
    evidence.add(factor, signed.evidence);
    return signed.salt;
  }
  if (factor === 'password' && !announcesEvidence(invocation))
    evidence.add(factor, askForNewPassword(session.memory, invocation, profile));
  return undefined;
}
