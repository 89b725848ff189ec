// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { announcesEvidence, askForEvidence, askForNewPassword, type Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { printWithRecoveryKey } from '../recovery-key.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { say } from '../streams.ts';

/** With the policy "all" the master key changes and with it every entry. */
const replaceTimeoutMs = 600_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const factor = invocation.required(0);
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    return withEvidence(session.memory, invocation, async (evidence) => {
      if (!announcesEvidence(invocation)) await askForAll(session, invocation, { profile, factor, evidence });
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

/** A recovery key is made, not brought; and it wraps the whole master key, whatever the policy. */
async function askForAll(
  { memory, bus }: Session,
  invocation: Invocation,
  { profile, factor, evidence }: Replacement,
): Promise<void> {
  if (factor === 'recovery') return;
  const { body } = await bus.request('factor-list', { profile });
  const others = body.policy === 'all' ? body.factors.filter((present) => present.factor !== factor) : [];
  for (const { factor: other } of others) evidence.add(other, askForEvidence(memory, invocation, other, profile));
  evidence.add(factor, askForNewPassword(memory, invocation, profile));
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
