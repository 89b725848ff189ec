// SPDX-License-Identifier: MIT
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { type Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { proveEnrolled } from '../proof.ts';
import { printWithRecoveryKey, wantsRecoveryKey } from '../recovery-key.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { say } from '../streams.ts';

/** Every entry is encrypted anew, on a slow card perhaps. */
const rekeyTimeoutMs = 600_000;

const recovery = 'recovery';

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const { body } = await session.bus.request('factor-list', { profile });
    const enrolled = body.factors.map(({ factor }) => factor);
    return withEvidence(session.memory, invocation, async (evidence) => {
      // A recovery key is replaced instead of asked for.
      const staying = enrolled.filter((factor) => factor !== recovery && !drops(invocation, factor));
      await proveEnrolled(session, invocation, profile, evidence, staying);
      const newRecoveryKey = wantsRecoveryKey(invocation) && enrolled.includes(recovery) && !drops(invocation, recovery);
      const kept = newRecoveryKey ? [...evidence.factors, recovery] : evidence.factors;
      checkDropped(invocation, profile, enrolled, kept);
      await rekey(session, invocation, profile, evidence, newRecoveryKey);
      return Exit.done;
    });
  });
}

function drops(invocation: Invocation, factor: string): boolean {
  return invocation.values('drop').includes(factor);
}

/** Losing a way in must be meant. */
function checkDropped(invocation: Invocation, profile: string, enrolled: readonly string[], kept: readonly string[]): void {
  const unknown = invocation.values('drop').find((factor) => !enrolled.includes(factor));
  if (unknown !== undefined) throw SesameError.of('factor-not-enrolled', { factor: unknown, profile });
  const lost = enrolled.find((factor) => !kept.includes(factor) && !drops(invocation, factor));
  if (lost === undefined) return;
  const otherwise = lost === recovery ? 'make a new one with --recovery-key' : `give --${lost}-stdin`;
  throw invocation.refuse(`the factor ${lost} would be lost: ${otherwise}, or lose it with --drop ${lost}`);
}

async function rekey(
  { bus }: Session,
  invocation: Invocation,
  profile: string,
  evidence: Evidence,
  newRecoveryKey: boolean,
): Promise<void> {
  const joined = evidence.join();
  try {
    const request = { profile, evidence: evidence.describe(), recovery_key: newRecoveryKey };
    const { body, attachment } = await bus.request('vault-rekey', request, joined?.bytes, { timeoutMs: rekeyTimeoutMs });
    printWithRecoveryKey(invocation, { profile, ...body }, attachment);
    const dropped = body.dropped.length === 0 ? '' : `, dropped ${body.dropped.join(', ')}`;
    say(`profile ${profile} has a new master key: ${body.entries} secrets, kept ${body.kept.join(', ')}${dropped}`);
  } finally {
    joined?.release();
  }
}
