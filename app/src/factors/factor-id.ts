// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';

/** Factors that a policy can name, in the order in which their pieces are concatenated. The order is part of the file format. */
export const policyFactorIds = ['password', 'ssh-agent', 'fido2', 'tpm', 'fingerprint', 'yubikey'] as const;
export type PolicyFactorId = (typeof policyFactorIds)[number];

/** `recovery` is ours alone: it opens by itself in every mode and no policy counts it. */
export type FactorId = PolicyFactorId | 'recovery';

export function isPolicyFactorId(text: unknown): text is PolicyFactorId {
  return policyFactorIds.some((id) => id === text);
}

/** @throws SesameError factor-unknown */
export function requireFactorId(text: string): FactorId {
  return text === 'recovery' ? text : requirePolicyFactorId(text);
}

/** @throws SesameError factor-unknown */
export function requirePolicyFactorId(text: string): PolicyFactorId {
  if (isPolicyFactorId(text)) return text;
  throw SesameError.of('factor-unknown', { factor: JSON.stringify(text.slice(0, 80)), known: policyFactorIds.join(', ') });
}

const evidenceNames: Readonly<Record<FactorId, string>> = {
  password: 'password',
  'ssh-agent': 'ssh key',
  fido2: 'FIDO2 token',
  tpm: 'TPM',
  fingerprint: 'fingerprint',
  yubikey: 'YubiKey',
  recovery: 'recovery key',
};

/** What a person presents for a factor, in words. */
export function evidenceName(id: FactorId): string {
  return evidenceNames[id];
}

/** Whether evidence for a factor may be nothing at all: the presence of this machine's TPM is evidence. */
export function mayBeEmpty(id: FactorId): boolean {
  return id === 'tpm';
}
