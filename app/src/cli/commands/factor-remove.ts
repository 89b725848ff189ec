// SPDX-License-Identifier: MIT
import type { ExitCode } from '../../core/exit.ts';
import { changeFactor, type FactorChange } from '../factor-change.ts';
import type { Invocation } from '../invocation.ts';

const removal: FactorChange = {
  request: 'factor-remove',
  enrolled: true,
  isNew: false,
  done: ({ profile, factor }) =>
    `the factor ${factor} was removed from profile ${profile}; old copies of its file still open old copies of the vault until: sesame rekey -p ${profile}`,
};

export async function run(invocation: Invocation): Promise<ExitCode> {
  return changeFactor(invocation, invocation.required(0), removal);
}
