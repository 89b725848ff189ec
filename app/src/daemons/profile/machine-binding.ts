// SPDX-License-Identifier: MIT
import type { Installation, MachineBinding } from '../../config/installation.ts';
import { uuidBytes } from '../../core/uuid.ts';
import { blake3Hash } from '../../crypto/hash.ts';
import { readBounded } from '../../linux/files.ts';

export const machineIdType = 'machine-id' as const;
export const tpmBoundType = 'tpm-bound' as const;

/** machine-id(5): 32 hexadecimal digits; what follows is not ours. */
const longestMachineId = 128;

/**
 * The binding of an installation to the machine-id of this machine.
 * @returns undefined where there is none yet: machine-id(5) has it empty or "uninitialized" then
 */
export function machineIdBinding({ id }: Installation, path = '/etc/machine-id'): MachineBinding | undefined {
  const text = readBounded(path, longestMachineId)?.toString('utf8').trim() ?? '';
  if (!/^[0-9a-f]{32}$/.test(text)) return undefined;
  const hash = blake3Hash(Buffer.concat([Buffer.from(text), uuidBytes(id.toLowerCase())]));
  return { binding_hash: hash.toString('hex'), binding_type: machineIdType };
}
