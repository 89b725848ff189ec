// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { encodeSshEvidence } from '../factors/ssh-evidence.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import type { SshAgent } from '../ssh/agent.ts';
import type { PublicKey } from '../ssh/public-key.ts';
import type { Invocation } from './invocation.ts';
import type { Session } from './session.ts';
import { withAgent } from './ssh-agent.ts';
import { chooseKey, findKey } from './ssh-key-choice.ts';

/** To open a vault one signature suffices; a second one shows that the key signs the same each time. */
export type Purpose = 'open' | 'enrol';

/**
 * Evidence by the key that is enrolled. The caller releases it.
 * @param purpose `enrol` where the daemon will wrap something under the key again
 * @throws SesameError factor-not-enrolled, ssh-agent-unreachable, ssh-agent-refused, ssh-agent-faulty, ssh-key-missing
 */
export async function signWithEnrolledKey(
  { memory, bus }: Session,
  invocation: Invocation,
  profile: string,
  purpose: Purpose,
): Promise<SecretBytes> {
  const { body } = await bus.request('ssh-challenge', { profile });
  const { challenge, fingerprint } = body;
  if (fingerprint === undefined) throw SesameError.of('factor-not-enrolled', { profile, factor: 'ssh-agent' });
  return await withAgent(memory, invocation, (agent) =>
    sign(memory, agent, findKey(agent, agent.identities(), fingerprint), challenge, purpose),
  );
}

export interface NewSshEvidence {
  /** The caller releases it. */
  readonly evidence: SecretBytes;
  /** For a vault that does not exist yet: it must be made with this salt. */
  readonly salt: string | undefined;
}

/**
 * Evidence by a key that is chosen now.
 * @throws SesameError ssh-agent-unreachable, ssh-agent-refused, ssh-agent-faulty, ssh-key-missing, ssh-key-unsuitable, usage
 */
export async function signWithNewKey({ memory, bus }: Session, invocation: Invocation, profile: string): Promise<NewSshEvidence> {
  const { body } = await bus.request('ssh-challenge', { profile });
  const evidence = await withAgent(memory, invocation, (agent) =>
    sign(memory, agent, chooseKey(agent, invocation), body.challenge, 'enrol'),
  );
  return { evidence, salt: body.salt };
}

function sign(memory: SecretMemory, agent: SshAgent, key: PublicKey, challenge: string, purpose: Purpose): SecretBytes {
  const data = Buffer.from(challenge, 'hex');
  const signatures: SecretBytes[] = [];
  try {
    signatures.push(agent.sign(key, data));
    if (purpose === 'enrol') signatures.push(agent.sign(key, data));
    return encodeSshEvidence(memory, key, signatures);
  } finally {
    for (const signature of signatures) signature.release();
  }
}
