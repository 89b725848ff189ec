// SPDX-License-Identifier: MIT
import type { ExitCode } from '../../core/exit.ts';
import { changeFactor, type FactorChange } from '../factor-change.ts';
import type { Invocation } from '../invocation.ts';

const addition: FactorChange = {
  request: 'factor-add',
  enrolled: false,
  isNew: true,
  done: ({ profile, factor }) => `the factor ${factor} was added to profile ${profile}`,
};

export async function run(invocation: Invocation): Promise<ExitCode> {
  return addFactor(invocation, invocation.required(0));
}

export function addFactor(invocation: Invocation, factor: string): Promise<ExitCode> {
  return changeFactor(invocation, factor, addition);
}
