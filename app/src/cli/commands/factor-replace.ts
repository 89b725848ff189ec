// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { type Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { keepPin } from '../pin.ts';
import { provedByChange, proveEnrolled, proveNew } from '../proof.ts';
import { printWithRecoveryKey } from '../recovery-key.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { say } from '../streams.ts';

/** With the policy "all" the master key changes and with it every entry. */
const replaceTimeoutMs = 600_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  return replaceFactor(invocation, invocation.required(0));
}

export async function replaceFactor(invocation: Invocation, factor: string): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    return withEvidence(session.memory, invocation, async (evidence) => {
      if (factor === 'tpm') await keepPin(session, invocation, profile, evidence);
      await prove(session, invocation, { profile, factor, evidence });
      await replace(session, invocation, { profile, factor, evidence });
      return Exit.done;
    });
  });
}

interface Replacement {
  readonly profile: string;
  readonly factor: string;
  readonly evidence: Evidence;
}

async function prove(session: Session, invocation: Invocation, { profile, factor, evidence }: Replacement): Promise<void> {
  const { body } = await session.bus.request('factor-list', { profile });
  // The daemon refuses it, and records that.
  if (!body.factors.some((present) => present.factor === factor)) return;
  await proveEnrolled(session, invocation, profile, evidence, provedByChange(body, factor));
  await proveNew(session, invocation, profile, evidence, factor);
}

async function replace({ bus }: Session, invocation: Invocation, { profile, factor, evidence }: Replacement): Promise<void> {
  const joined = evidence.join();
  try {
    const request = { profile, factor, evidence: evidence.describe() };
    const { attachment } = await bus.request('factor-replace', request, joined?.bytes, { timeoutMs: replaceTimeoutMs });
    printWithRecoveryKey(invocation, { profile, factor }, attachment);
    say(
      `the factor ${factor} of profile ${profile} was replaced; what it was still opens old copies of the vault until: sesame rekey -p ${profile}`,
    );
  } finally {
    joined?.release();
  }
}
