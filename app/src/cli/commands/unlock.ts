// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../../bus/messages.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { announcesEvidence, askForEvidence, Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { printJson, say } from '../streams.ts';

type Result = ReplyBody<'vault-unlock'>;

/** A key derivation on a slow device, behind those of others. */
const unlockTimeoutMs = 120_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const result = announcesEvidence(invocation)
      ? await withEvidence(session.memory, invocation, (evidence) => send(session, profile, evidence))
      : await unlockByAsking(session, invocation, profile);
    if (invocation.flag('json')) printJson({ profile, ...result });
    if (result.state === 'unlocked') return Exit.done;
    say(`the vault of profile ${profile} is still locked: ${missing(result)} within ${result.seconds ?? 0} s`);
    return Exit.locked;
  });
}

/** One factor after the other, until the daemon needs no more. */
async function unlockByAsking(session: Session, invocation: Invocation, profile: string): Promise<Result> {
  const { body } = await session.bus.request('factor-list', { profile });
  let wanted = body.factors.filter(({ counts }) => counts).map(({ factor }) => factor);
  let result: Result = { state: 'partial', remaining: wanted };
  for (let factor = wanted[0]; factor !== undefined && result.state === 'partial'; factor = wanted[0]) {
    const evidence = new Evidence(session.memory);
    try {
      evidence.add(factor, askForEvidence(session.memory, invocation, factor, profile));
      result = await send(session, profile, evidence);
    } finally {
      evidence.release();
    }
    wanted = result.remaining ?? [];
  }
  return result;
}

async function send({ bus }: Session, profile: string, evidence: Evidence): Promise<Result> {
  const joined = evidence.join();
  try {
    const body = { profile, evidence: evidence.describe() };
    const reply = await bus.request('vault-unlock', body, joined?.bytes, { timeoutMs: unlockTimeoutMs });
    return reply.body;
  } finally {
    joined?.release();
  }
}

function missing({ remaining = [], needed = remaining.length }: Result): string {
  const names = remaining.join(', ');
  return needed >= remaining.length ? `${names} must follow` : `${needed} of ${names} must follow`;
}
