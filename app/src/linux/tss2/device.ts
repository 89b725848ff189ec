// SPDX-License-Identifier: MIT
import { accessSync, constants } from 'node:fs';
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
