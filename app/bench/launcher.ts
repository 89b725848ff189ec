// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const built = join(import.meta.dirname, '../../dist');

/** The Node that runs the daemons. */
export const daemonNode = join(built, 'lib/node');

/** What its launcher gives it, for what is to stand beside a daemon. */
export function daemonFlags(): string[] {
  const launcher = readFileSync(join(built, 'bin/daemon-secrets'), 'utf8');
  return /" daemon-secrets (.*)$/m.exec(launcher)?.[1]?.split(' ') ?? [];
}
