// SPDX-License-Identifier: MIT

import { accessSync, constants } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../core/clock.ts';
import { systemErrorCode } from '../../core/errors.ts';

const prefix = 'device:';

/**
 * Why a device that a transport names cannot be used. The library would say "input/output error", and a machine without a TPM does not
 * need it for that.
 * @param tcti as tss2-tctildr(3) has it
 * @returns undefined when nothing speaks against it, and for other transports
 */
export function deviceProblem(tcti: string): string | undefined {
  if (!tcti.startsWith(prefix)) return undefined;
  try {
    accessSync(tcti.slice(prefix.length), constants.R_OK | constants.W_OK);
    return undefined;
  } catch (thrown) {
    const code = systemErrorCode(thrown);
    if (code === 'ENOENT') return 'there is no such device';
    if (code === 'EACCES') return 'this user may not read and write it (the group is tss, as a rule)';
    return `it cannot be opened (${code ?? 'for an unknown reason'})`;
  }
}

/** Drivers that are modules, and chips that the kernel tests first, bring the device some time after the services start; udev then changes its group. */
const lookEveryMs = 200;

/** Returns when the device that a transport names can be used, at the latest after the limit in ms; at once for other transports. */
export async function deviceAppears(tcti: string, limitMs: number): Promise<void> {
  for (const deadline = monotonicMs() + limitMs; deviceProblem(tcti) !== undefined && monotonicMs() < deadline; )
    await sleep(lookEveryMs);
}
