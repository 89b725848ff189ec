// SPDX-License-Identifier: MIT
import { Exit, type ExitCode } from '../core/exit.ts';
import { type Evidence, withEvidence } from './evidence.ts';
import type { Invocation } from './invocation.ts';
import { provedByChange, proveEnrolled, proveNew } from './proof.ts';
import { printWithRecoveryKey } from './recovery-key.ts';
import { checkProfileNames, profileOf, type Session, withSession } from './session.ts';
import { say } from './streams.ts';

/** With the policy "all" the master key changes and with it every entry. */
const changeTimeoutMs = 600_000;

/** A factor of a profile, and what a person has shown so far. */
export interface FactorOfProfile {
  readonly profile: string;
  readonly factor: string;
  readonly evidence: Evidence;
}

export interface FactorChange {
  readonly request: 'factor-add' | 'factor-replace' | 'factor-remove';
  /** Whether the factor has to be enrolled already. Where it is otherwise nothing is asked for: the daemon refuses it, and records that. */
  readonly enrolled: boolean;
  /** Whether evidence of its own belongs to the change. */
  readonly isNew: boolean;
  /** What comes before anything is asked for. */
  readonly before?: (session: Session, invocation: Invocation, target: FactorOfProfile) => Promise<void>;
  /** What is said when it is done. */
  readonly done: (target: FactorOfProfile) => string;
}

/** Asks for what a change of a factor takes, has it made, and says so. */
export function changeFactor(invocation: Invocation, factor: string, change: FactorChange): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    return withEvidence(session.memory, invocation, async (evidence) => {
      const target = { profile, factor, evidence };
      await change.before?.(session, invocation, target);
      await prove(session, invocation, target, change);
      await make(session, invocation, target, change);
      return Exit.done;
    });
  });
}

async function prove(session: Session, invocation: Invocation, target: FactorOfProfile, change: FactorChange): Promise<void> {
  const { profile, factor, evidence } = target;
  const { body } = await session.bus.request('factor-list', { profile });
  if (body.factors.some((present) => present.factor === factor) !== change.enrolled) return;
  await proveEnrolled(session, invocation, profile, evidence, provedByChange(body, factor));
  if (change.isNew) await proveNew(session, invocation, profile, evidence, factor);
}

async function make({ bus }: Session, invocation: Invocation, target: FactorOfProfile, change: FactorChange): Promise<void> {
  const { profile, factor, evidence } = target;
  const joined = evidence.join();
  try {
    const body = { profile, factor, evidence: evidence.describe() };
    const { attachment } = await bus.request(change.request, body, joined?.bytes, { timeoutMs: changeTimeoutMs });
    if (change.isNew) printWithRecoveryKey(invocation, { profile, factor }, attachment);
    say(change.done(target));
  } finally {
    joined?.release();
  }
}
