// SPDX-License-Identifier: MIT
import type { ReplyBody } from '../../bus/messages.ts';
import type { ErrorCode } from '../../core/catalogue.ts';
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import type { SecretBytes } from '../../memory/secret-bytes.ts';
import { announcesEvidence, askForEvidence, canBeTyped, Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { agentSocket } from '../ssh-agent.ts';
import { signWithEnrolledKey } from '../ssh-evidence.ts';
import { printJson, say } from '../streams.ts';
import { hasTerminal } from '../terminal.ts';

type Result = ReplyBody<'vault-unlock'>;

/** A key derivation on a slow device, behind those of others. */
const unlockTimeoutMs = 120_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const result = await present(session, invocation, profile);
    if (invocation.flag('json')) printJson({ profile, ...result });
    if (result.state === 'unlocked') return Exit.done;
    say(`the vault of profile ${profile} is still locked: ${missing(result)} within ${result.seconds ?? 0} s`);
    return Exit.locked;
  });
}

/** First what the command line brings, then the TPM and the ssh agent, which need nobody, then whoever sits at the terminal. */
async function present(session: Session, invocation: Invocation, profile: string): Promise<Result> {
  const silent = announcesEvidence(invocation) || invocation.flag('ssh-agent') || invocation.flag('tpm');
  let result = announcesEvidence(invocation)
    ? await withEvidence(session.memory, invocation, (evidence) => send(session, profile, evidence))
    : await nothingYet(session, profile);
  if (result.state === 'partial' && !invocation.flag('ssh-agent') && (wants(result, 'tpm') || invocation.flag('tpm')))
    result = (await presentTpm(session, invocation, profile, result)) ?? result;
  if (result.state === 'partial' && !invocation.flag('tpm') && (wants(result, 'ssh-agent') || invocation.flag('ssh-agent')))
    result = (await presentAgent(session, invocation, profile, result)) ?? result;
  while (!silent && result.state === 'partial') {
    const factor = nextToAsk(result);
    if (factor === undefined) break;
    const evidence = askForEvidence(session.memory, invocation, factor, profile);
    result = await sendOne(session, profile, factor, evidence);
  }
  return result;
}

async function nothingYet({ bus }: Session, profile: string): Promise<Result> {
  const { body } = await bus.request('factor-list', { profile });
  return { state: 'partial', remaining: body.factors.filter(({ counts }) => counts).map(({ factor }) => factor) };
}

function wants({ remaining = [] }: Result, factor: string): boolean {
  return remaining.includes(factor);
}

/** @returns undefined when the TPM does not open and something else may */
async function presentTpm(
  session: Session,
  invocation: Invocation,
  profile: string,
  { remaining = [] }: Result,
): Promise<Result | undefined> {
  const { memory } = session;
  try {
    return await sendOne(session, profile, 'tpm', memory.take(Buffer.alloc(0)));
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    // A policy may ask for a factor that the vault does not have (yet).
    if (thrown.code === 'factor-not-enrolled' && !invocation.flag('tpm')) return undefined;
    if (thrown.code === 'tpm-pin-missing' && hasTerminal())
      return await sendOne(session, profile, 'tpm', askForEvidence(memory, invocation, 'tpm', profile));
    const agent = remaining.includes('ssh-agent') && (await agentSocket(invocation)) !== undefined;
    const others = agent || (hasTerminal() && remaining.some(canBeTyped));
    if (!others || invocation.flag('tpm') || !thrown.code.startsWith('tpm-')) throw thrown;
    say(thrown.message);
    return undefined;
  }
}

/** @returns undefined when the agent cannot serve and something else may */
async function presentAgent(
  session: Session,
  invocation: Invocation,
  profile: string,
  before: Result,
): Promise<Result | undefined> {
  const others = announcesEvidence(invocation) || (before.remaining?.some(canBeTyped) === true && !invocation.flag('ssh-agent'));
  if (others && (await agentSocket(invocation)) === undefined) return undefined;
  try {
    return await sendOne(session, profile, 'ssh-agent', await signWithEnrolledKey(session, invocation, profile, 'open'));
  } catch (thrown) {
    const typed = others && (announcesEvidence(invocation) || hasTerminal());
    if (!(thrown instanceof SesameError) || !agentFailures.has(thrown.code) || !typed) throw thrown;
    say(thrown.message);
    return undefined;
  }
}

/** After these another factor may still open the vault. */
const agentFailures: ReadonlySet<ErrorCode> = new Set([
  'ssh-agent-unreachable',
  'ssh-agent-refused',
  'ssh-agent-faulty',
  'ssh-key-missing',
  'authentication-failed',
]);

/** Without a terminal a partial unlock stays one; before the first evidence `ask` says what to give instead. */
function nextToAsk({ remaining = [], seconds }: Result): string | undefined {
  const factor = remaining.find(canBeTyped);
  if (seconds === undefined) return factor ?? remaining[0];
  return hasTerminal() ? factor : undefined;
}

/** Releases the evidence. */
async function sendOne(session: Session, profile: string, factor: string, bytes: SecretBytes): Promise<Result> {
  const evidence = new Evidence(session.memory);
  try {
    evidence.add(factor, bytes);
    return await send(session, profile, evidence);
  } finally {
    evidence.release();
  }
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
