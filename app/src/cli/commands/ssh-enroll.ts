// SPDX-License-Identifier: MIT
import type { ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { addFactor } from './factor-add.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  return addFactor(invocation, 'ssh-agent');
}
