// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs';
import { SesameError } from '../core/errors.ts';
import { readBounded } from '../linux/files.ts';
import { parsePolicyPart } from '../tpm/approvals.ts';
import { parseEnrolment, type TpmEnrolment } from '../tpm/enrolment.ts';
import type { StoredApprovals } from '../tpm/pending-approvals.ts';
import { profileFile, profilesWithVaults } from './profile-files.ts';

const suffix = 'tpm-enrollment';
const longestFile = 65_536;

export interface ProfileEnrolment {
  readonly profile: string;
  readonly enrolment: TpmEnrolment;
}

/**
 * What a profile's TPM factor is bound to.
 * @throws SesameError factor-not-enrolled, file-damaged, file-too-new
 */
export function readTpmEnrolment(directory: string, profile: string): TpmEnrolment {
  const path = profileFile(directory, profile, suffix);
  const bytes = readBounded(path, longestFile);
  if (bytes === undefined) throw SesameError.of('factor-not-enrolled', { profile, factor: 'tpm' });
  return parseEnrolment(path, bytes);
}

/** Every enrolment that can be read; what is wrong with the others is said where they are used. */
export function readableTpmEnrolments(directory: string): ProfileEnrolment[] {
  const enrolled = profilesWithVaults(directory).filter((profile) => existsSync(profileFile(directory, profile, suffix)));
  return enrolled.flatMap((profile) => {
    const enrolment = whereReadable(() => readTpmEnrolment(directory, profile));
    return enrolment === undefined ? [] : [{ profile, enrolment }];
  });
}

/** The handles of the counters by which the TPM revokes approvals; undefined when an enrolment cannot be read. */
export function approvalCounters(directory: string): ReadonlySet<number> | undefined {
  const enrolled = profilesWithVaults(directory).filter((profile) => existsSync(profileFile(directory, profile, suffix)));
  const handles = whereReadable(() =>
    enrolled.flatMap((profile) => {
      const { selection, authorisation } = readTpmEnrolment(directory, profile);
      const part = parsePolicyPart(profile, authorisation, selection);
      return part.kind === 'pcr' ? [] : [part.counter.handle];
    }),
  );
  return handles && new Set(handles);
}

/** The approvals of a profile, if its file has any and can be read: a damaged one keeps nobody from making another. */
export function readableApprovals(directory: string, profile: string): StoredApprovals | undefined {
  return whereReadable(() => {
    const { selection, authorisation } = readTpmEnrolment(directory, profile);
    const part = parsePolicyPart(profile, authorisation, selection);
    return part.kind === 'pcr' ? undefined : { selection, authorisation: part };
  });
}

function whereReadable<Content>(read: () => Content): Content | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof SesameError) return undefined;
    throw thrown;
  }
}
