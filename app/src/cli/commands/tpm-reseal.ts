// SPDX-License-Identifier: MIT
import type { ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { replaceFactor } from './factor-replace.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  return await replaceFactor(invocation, 'tpm');
}
