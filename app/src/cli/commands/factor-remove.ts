// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../../core/exit.ts';
import { type Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { provedByChange, proveEnrolled } from '../proof.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { say } from '../streams.ts';

/** With the policy "all" the master key changes and with it every entry. */
const removeTimeoutMs = 600_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  const factor = invocation.required(0);
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    return withEvidence(session.memory, invocation, async (evidence) => {
      const { body } = await session.bus.request('factor-list', { profile });
      await proveEnrolled(session, invocation, profile, evidence, provedByChange(body, factor));
      await remove(session, { profile, factor, evidence });
      return Exit.done;
    });
  });
}

interface Removal {
  readonly profile: string;
  readonly factor: string;
  readonly evidence: Evidence;
}

async function remove({ bus }: Session, { profile, factor, evidence }: Removal): Promise<void> {
  const joined = evidence.join();
  try {
    const request = { profile, factor, evidence: evidence.describe() };
    await bus.request('factor-remove', request, joined?.bytes, { timeoutMs: removeTimeoutMs });
    say(
      `the factor ${factor} was removed from profile ${profile}; old copies of its file still open old copies of the vault until: sesame rekey -p ${profile}`,
    );
  } finally {
    joined?.release();
  }
}
