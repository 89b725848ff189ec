// SPDX-License-Identifier: MIT
import type { ExitCode } from '../../core/exit.ts';
import { changeFactor, type FactorChange } from '../factor-change.ts';
import type { Invocation } from '../invocation.ts';
import { keepPin } from '../pin.ts';

const replacement: FactorChange = {
  request: 'factor-replace',
  enrolled: true,
  isNew: true,
  before: async (session, invocation, { profile, factor, evidence }) => {
    if (factor === 'tpm') await keepPin(session, invocation, profile, evidence);
  },
  done: ({ profile, factor }) =>
    `the factor ${factor} of profile ${profile} was replaced; what it was still opens old copies of the vault until: sesame rekey -p ${profile}`,
};

export async function run(invocation: Invocation): Promise<ExitCode> {
  return replaceFactor(invocation, invocation.required(0));
}

export function replaceFactor(invocation: Invocation, factor: string): Promise<ExitCode> {
  return changeFactor(invocation, factor, replacement);
}
