// SPDX-License-Identifier: MIT
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../../config/paths.ts';
import { describe, systemErrorCode } from '../../core/errors.ts';
import { type Check, fail, pass, warn } from './check.ts';

/** Bits that a path must not have. */
interface Rule {
  readonly path: string;
  readonly forbidden: number;
}

const groupOrOthers = 0o077;
const othersOrGroupWrite = 0o027;
const writableByMany = 0o022;
const permissionBits = 0o777;

/** Who may read and write what the daemons keep. */
export function examinePermissions({ state, runtime }: Paths): Check[] {
  const vaults = join(state, 'vaults');
  const keys = join(runtime, 'keys');
  return [
    examine('permissions/state', [
      { path: state, forbidden: othersOrGroupWrite },
      { path: vaults, forbidden: groupOrOthers },
      ...filesIn(vaults).map((path) => ({ path, forbidden: groupOrOthers })),
      { path: join(state, 'audit.jsonl'), forbidden: othersOrGroupWrite },
    ]),
    examine('permissions/runtime', [
      { path: runtime, forbidden: writableByMany },
      // Where the daemons have users of their own, their group may list it: daemon-profile reads daemon-secrets' public key there.
      { path: keys, forbidden: othersOrGroupWrite },
      { path: join(runtime, 'bus.key'), forbidden: groupOrOthers },
      ...filesIn(keys)
        .filter((path) => path.endsWith('.key'))
        .map((path) => ({ path, forbidden: groupOrOthers })),
    ]),
  ];
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch (thrown) {
    // A directory that cannot be listed shows in the check of the directory itself.
    if (systemErrorCode(thrown) !== undefined) return [];
    throw thrown;
  }
}

interface Excess {
  readonly path: string;
  readonly mode: number;
  readonly allowed: number;
}

function examine(id: string, rules: readonly Rule[]): Check {
  const wrong: Excess[] = [];
  const hidden: string[] = [];
  for (const { path, forbidden } of rules) {
    const mode = modeOf(path);
    if (mode === 'absent') continue;
    if (typeof mode === 'string') hidden.push(`${path}: ${mode}`);
    else if ((mode & forbidden) !== 0) wrong.push({ path, mode, allowed: mode & ~forbidden });
  }
  if (wrong.length > 0) {
    const finding = wrong.map(({ path, mode }) => `${path} has mode ${mode.toString(8)}`).join('; ');
    return fail(id, finding, wrong.map(({ path, allowed }) => `chmod ${allowed.toString(8)} ${path}`).join('; '));
  }
  if (hidden.length > 0) return warn(id, `not everything can be looked at: ${hidden.join('; ')}`, 'run this as root to see it');
  return pass(id, `${rules.length} paths are closed to others`);
}

function modeOf(path: string): number | string {
  try {
    return lstatSync(path).mode & permissionBits;
  } catch (thrown) {
    const code = systemErrorCode(thrown);
    if (code === 'ENOENT') return 'absent';
    if (code === undefined) throw thrown;
    return describe(thrown);
  }
}
