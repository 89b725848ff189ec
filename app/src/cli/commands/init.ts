// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import { SesameError } from '../../core/errors.ts';
import { Exit, type ExitCode } from '../../core/exit.ts';
import { announcesEvidence, type Evidence, withEvidence } from '../evidence.ts';
import type { Invocation } from '../invocation.ts';
import { policyText } from '../policy-text.ts';
import { proveNew } from '../proof.ts';
import { noteUnseenRecoveryKey, printWithRecoveryKey, wantsRecoveryKey } from '../recovery-key.ts';
import { checkProfileNames, profileOf, type Session, withSession } from '../session.ts';
import { say } from '../streams.ts';

/** Key derivations for each factor on a slow device, and a database to create. */
const initTimeoutMs = 120_000;

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  return withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    return withEvidence(session.memory, invocation, async (evidence) => {
      const salt = await prove(session, invocation, profile, evidence);
      await create(session, invocation, { profile, evidence, salt });
      return Exit.done;
    });
  });
}

interface Creation {
  readonly profile: string;
  readonly evidence: Evidence;
  /** The one that an ssh agent's challenge came from. */
  readonly salt: string | undefined;
}

/** @returns the salt with which the vault must be made, if it matters */
async function prove(session: Session, invocation: Invocation, profile: string, evidence: Evidence): Promise<string | undefined> {
  const factors = invocation.values('factor');
  const unnamed = evidence.factors.find((factor) => factors.length > 0 && !factors.includes(factor));
  if (unnamed !== undefined)
    throw invocation.refuse(
      `--factor does not name ${unnamed}, whose evidence is given; name it there, or leave its evidence out`,
    );
  let salt: string | undefined;
  for (const factor of factors.length === 0 && !announcesEvidence(invocation) ? ['password'] : factors)
    salt = (await proveNew(session, invocation, profile, evidence, factor)) ?? salt;
  checkFactors(invocation, evidence);
  return salt;
}

function checkFactors(invocation: Invocation, evidence: Evidence): void {
  const missing = invocation.values('factor').find((factor) => !evidence.has(factor));
  if (missing !== undefined) throw invocation.refuse(`the factor ${missing} needs evidence; give --${missing}-stdin`);
}

async function create({ bus }: Session, invocation: Invocation, { profile, evidence, salt }: Creation): Promise<void> {
  const recovery = wantsRecoveryKey(invocation);
  const joined = evidence.join();
  try {
    const installation = await bus.request('installation-init', { profile });
    const given = salt === undefined ? {} : { salt };
    const body = { profile, evidence: evidence.describe(), ...policyOf(invocation), recovery_key: recovery, ...given };
    const { body: vault, attachment } = await bus
      .request('vault-init', body, joined?.bytes, { timeoutMs: initTimeoutMs })
      .catch((thrown: unknown) => takeBack(bus, profile, installation.body.rules_added, thrown));
    const { factors, policy } = vault;
    printWithRecoveryKey(invocation, { profile, installation: installation.body.id, policy, factors }, attachment);
    say(`profile ${profile} has a vault with ${factors.join(', ')}; ${policyText(policy)}`);
    if (!recovery) noteUnseenRecoveryKey(invocation, profile);
  } finally {
    joined?.release();
  }
}

/** Without the option the configuration's counts. */
function policyOf(invocation: Invocation): { policy?: 'any' | 'all' } {
  const policy = invocation.value('policy');
  return policy === 'any' || policy === 'all' ? { policy } : {};
}

/** Rules of a profile that got no vault would be half of an `init`. The identity of the installation stays: it belongs to no profile. */
async function takeBack(bus: Requester, profile: string, rulesAdded: boolean, thrown: unknown): Promise<never> {
  if (rulesAdded && (await isWithoutVault(bus, profile))) await bus.request('rules-discard', { profile });
  throw thrown;
}

/** An answer that did not come in time, or a disk that does not sync, leaves open whether the vault was made: only a plain no counts. */
async function isWithoutVault(bus: Requester, profile: string): Promise<boolean> {
  try {
    await bus.request('factor-list', { profile });
    return false;
  } catch (thrown) {
    return thrown instanceof SesameError && thrown.code === 'vault-not-initialised';
  }
}
