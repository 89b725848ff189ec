// SPDX-License-Identifier: MIT
import type { Requester } from '../../bus/blocking-client.ts';
import { SesameError } from '../../core/errors.ts';
import { Exit } from '../../core/exit.ts';
import type { StatusReport } from '../status-report.ts';
import { type Check, fail, pass, warn } from './check.ts';

const id = 'audit';
/** Reading a whole chain from a slow card. */
export const verifyTimeoutMs = 600_000;

const log = 'see what daemon-profile logged';

export async function examineAudit({ audit }: StatusReport, bus: Requester | undefined): Promise<Check[]> {
  if (audit === null || bus === undefined) return [];
  const { problem } = audit;
  try {
    const { body } = await bus.request('audit-verify', {}, undefined, { timeoutMs: verifyTimeoutMs });
    if (problem !== undefined) return [fail(id, problem, log)];
    const text = `${body.entries} entries verify (${body.hash}, ${body.attestation})`;
    if (body.head === 'absent')
      return [warn(id, `${text}, but no head vouches for the end of the chain`, 'restart daemon-profile, which writes one')];
    return [pass(id, text)];
  } catch (thrown) {
    if (!(thrown instanceof SesameError)) throw thrown;
    if (thrown.exit === Exit.damaged) {
      const investigation = 'keep a copy of the file, find out who changed it';
      // Only what the daemon found at its start is in the chain, where it can be acknowledged.
      return [
        fail(id, thrown.message, problem === undefined ? investigation : `${investigation}, then: sesame audit acknowledge`),
      ];
    }
    if (problem !== undefined) return [fail(id, problem, log)];
    if (thrown.code === 'clearance-too-low') return [warn(id, thrown.message, 'run this as an administrator to see it')];
    return [fail(id, thrown.message, log)];
  }
}
