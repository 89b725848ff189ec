// SPDX-License-Identifier: MIT
import type { ExitCode } from '../../core/exit.ts';
import type { Invocation } from '../invocation.ts';
import { checkProfileNames, profileOf, withSession } from '../session.ts';
import { addFactor } from './factor-add.ts';
import { replaceFactor } from './factor-replace.ts';

export async function run(invocation: Invocation): Promise<ExitCode> {
  checkProfileNames(invocation);
  const isEnrolled = await withSession(async (session) => {
    const profile = await profileOf(session, invocation);
    const { body } = await session.bus.request('factor-list', { profile });
    return body.factors.some(({ factor }) => factor === 'tpm');
  });
  return await (isEnrolled ? replaceFactor : addFactor)(invocation, 'tpm');
}
