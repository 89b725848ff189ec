// SPDX-License-Identifier: MIT
import { askForEvidence, type Evidence } from './evidence.ts';
import type { Invocation } from './invocation.ts';
import type { Session } from './session.ts';

/**
 * A TPM factor that had a PIN does not lose it in passing: the PIN for the new seal is asked for, unless it is to have none.
 * @throws SesameError usage without a terminal
 */
export async function keepPin(
  { bus, memory }: Session,
  invocation: Invocation,
  profile: string,
  evidence: Evidence,
): Promise<void> {
  if (evidence.has('tpm') || invocation.flag('no-pin')) return;
  const { body } = await bus.request('factor-list', { profile });
  const hasPin = body.factors.some(({ factor, label }) => factor === 'tpm' && label.endsWith(', PIN'));
  if (hasPin) evidence.add('tpm', askForEvidence(memory, invocation, 'tpm', profile));
}
