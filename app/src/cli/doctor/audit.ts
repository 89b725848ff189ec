// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import { SesameError } from '../../core/errors.ts';
import type { StatusReport } from '../status-report.ts';
import { type Check, fail, pass, warn } from './check.ts';

const id = 'audit';
/** Reading a whole chain from a slow card. */
export const verifyTimeoutMs = 600_000;

export async function examineAudit({ audit }: StatusReport, bus: Requester | undefined): Promise<Check[]> {
  if (audit === null || bus === undefined) return [];
  if (audit.problem !== undefined)
    return [fail(id, audit.problem, 'keep a copy of the file, find out who changed it, then: sesame audit acknowledge')];
  try {
    const { body } = await bus.request('audit-verify', {}, undefined, { timeoutMs: verifyTimeoutMs });
    const text = `${body.entries} entries verify (${body.hash}, ${body.attestation})`;
    if (body.head === 'absent')
      return [warn(id, `${text}, but no head vouches for the end of the chain`, 'restart daemon-profile, which writes one')];
    return [pass(id, text)];
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    if (thrown.code === 'clearance-too-low') return [warn(id, thrown.message, 'run this as an administrator to see it')];
    return [fail(id, thrown.message, 'keep a copy of the file, then find out who changed it')];
  }
}
