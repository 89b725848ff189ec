// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { announcesEvidence, askForEvidence, askForNewPassword, type Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { printWithRecoveryKey } from '../recovery-key.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { say } from '../streams.ts';

/** With the policy "all" the master key changes and with it every entry. */
const addTimeoutMs = 600_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const factor = invocation.required(0);
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    return withEvidence(session.memory, invocation, async (evidence) => {
      if (!announcesEvidence(invocation)) await askForAll(session, invocation, { profile, factor, evidence });
      await add(session, invocation, { profile, factor, evidence });
      return Exit.done;
    });
  });
}

interface Addition {
  readonly profile: string;
  readonly factor: string;
  readonly evidence: Evidence;
}

async function askForAll(
  { memory, bus }: Session,
  invocation: Invocation,
  { profile, factor, evidence }: Addition,
): Promise<void> {
  const { body } = await bus.request('factor-list', { profile });
  const enrolled = body.policy === 'all' ? body.factors.filter(({ counts }) => counts) : [];
  for (const { factor: present } of enrolled)
    if (present !== factor && factor !== 'recovery') evidence.add(present, askForEvidence(memory, invocation, present, profile));
  if (factor === 'password') evidence.add(factor, askForNewPassword(memory, invocation, profile));
}

async function add({ bus }: Session, invocation: Invocation, { profile, factor, evidence }: Addition): Promise<void> {
  const joined = evidence.join();
  try {
    const request = { profile, factor, evidence: evidence.describe() };
    const { attachment } = await bus.request('factor-add', request, joined?.bytes, { timeoutMs: addTimeoutMs });
    printWithRecoveryKey(invocation, { profile, factor }, attachment);
    say(`the factor ${factor} was added to profile ${profile}`);
  } finally {
    joined?.release();
  }
}
