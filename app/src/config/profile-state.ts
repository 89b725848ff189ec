// SPDX-License-Identifier: MIT
import { renameSync } from 'node:fs';
import { describe, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { readBounded } from '../linux/files.ts';
import type { ProfileStateFile } from './state-schema.ts';
import { validators } from './validators.generated.js';

/** Which profiles this device wants, and the default where a person chose one. */
export type ProfileState = Readonly<ProfileStateFile>;

const longestFile = 65_536;

/**
 * Reads profiles.json. A damaged one is put aside under `.damaged` and said so: what is active can be said again, and must not
 * keep a device from starting.
 * @throws SesameError file-unreadable
 */
export function readProfileState(path: string, logger: Logger): ProfileState {
  const text = readText(path);
  if (text === undefined) return { active: [] };
  const state = parse(text);
  if (isProfileState(state)) return state;
  logger.error('the list of active profiles is damaged; no profile is active now, and the file is kept', {
    path,
    kept: `${path}.damaged`,
  });
  try {
    renameSync(path, `${path}.damaged`);
  } catch (thrown) {
    logger.error('it could not be put aside', { path, cause: describe(thrown) });
  }
  return { active: [] };
}

export function serialiseProfileState(state: ProfileState): Buffer {
  return Buffer.from(`${JSON.stringify(state, null, 2)}\n`);
}

/** What is not a file of sensible length has no text, and is damaged like one whose text is wrong. */
function readText(path: string): string | undefined {
  try {
    return readBounded(path, longestFile)?.toString('utf8');
  } catch (thrown) {
    if (thrown instanceof SesameError && thrown.code === 'file-damaged') return '';
    throw thrown;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProfileState(state: unknown): state is ProfileState {
  return validators['profile-state']?.(state) === true;
}
