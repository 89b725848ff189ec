// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { SesameError } from '../core/errors.ts';
import { readBounded, removeWiped, writeDurably } from '../linux/files.ts';
import { parsePolicyPart } from '../tpm/approvals.ts';
import { parseEnrolment, type TpmEnrolment } from '../tpm/enrolment.ts';
import type { FactorFile } from './factor.ts';
import { fileMode } from './profile-files.ts';

/*
 * `P.tpm-enrollment.previous`: what a new seal replaced, until the new one has unsealed once. A seal to one boot state alone that turns out to be for a
 * state that never comes again would otherwise take the way back along with it. With approvals there is no need: they keep two states themselves.
 */

const longestFile = 65_536;

export function previousPath(path: string): string {
  return `${path}.previous`;
}

/**
 * Keeps the present file beside the next one, if that is for another boot state. Where one is kept already, the present file never unsealed, and
 * the older one stays.
 * @throws SesameError storage-*
 */
export function keepPrevious(present: FactorFile, next: Buffer): void {
  const before = fixedSeal(present.path, present.bytes);
  const after = fixedSeal(present.path, next);
  if (before === undefined || after === undefined || isForSameBoot(before, after)) {
    forgetPrevious(present.path);
    return;
  }
  if (readPrevious(present.path) === undefined) writeDurably(previousPath(present.path), present.bytes, fileMode);
}

export function readPrevious(path: string): FactorFile | undefined {
  const bytes = readBounded(previousPath(path), longestFile);
  return bytes && { path: previousPath(path), bytes };
}

/** @throws SesameError storage-* */
export function forgetPrevious(path: string): void {
  if (existsSync(previousPath(path))) removeWiped(previousPath(path));
}

/** Whether the TPM said that this is not the boot that it is to unseal in. */
export function isOtherBoot(thrown: unknown): boolean {
  return thrown instanceof SesameError && thrown.code === 'tpm-policy-failed';
}

/** The enrolment, if it can be read and its policy is the PCRs alone. */
function fixedSeal(path: string, bytes: Buffer): TpmEnrolment | undefined {
  try {
    const enrolment = parseEnrolment(path, bytes);
    return parsePolicyPart(path, enrolment.authorisation, enrolment.selection).kind === 'pcr' ? enrolment : undefined;
  } catch (thrown) {
    if (thrown instanceof SesameError) return undefined;
    throw thrown;
  }
}

function isForSameBoot(one: TpmEnrolment, other: TpmEnrolment): boolean {
  const same = (pcr: number, value: Buffer) => other.values.get(pcr)?.equals(value) ?? false;
  return (
    one.selection.bank === other.selection.bank &&
    one.values.size === other.values.size &&
    [...one.values].every(([pcr, value]) => same(pcr, value))
  );
}
