// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { Factor } from './factor.ts';
import type { FactorId } from './factor-id.ts';
import { passwordFactor } from './password.ts';
import { recoveryFactor } from './recovery.ts';
import { sshAgentFactor } from './ssh-agent.ts';

/** The factors that this program can use. One that a vault names but that is not here stays enrolled and cannot be used. */
export type Factors = ReadonlyMap<FactorId, Factor>;

export function registerFactors(factors: readonly Factor[]): Factors {
  return new Map(factors.map((factor) => [factor.id, factor]));
}

/** Those that need nothing from the machine. */
export const builtInFactors: readonly Factor[] = [passwordFactor, sshAgentFactor, recoveryFactor];

/** @throws SesameError factor-unknown */
export function requireFactor(factors: Factors, id: FactorId): Factor {
  const factor = factors.get(id);
  if (factor === undefined) throw SesameError.of('factor-unknown', { factor: id, known: [...factors.keys()].join(', ') });
  return factor;
}
