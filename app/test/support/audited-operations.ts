// SPDX-License-Identifier: MIT
import type { Device } from './device.ts';

export interface Operation {
  readonly action: string;
  readonly key: string | null;
  readonly outcome: string;
  readonly client: string | null;
  readonly uid: number;
  readonly repeated: number;
}

/** What the audit chain says was done with secrets, in its order. */
export function operations(device: Device): Operation[] {
  return device.auditEntries().flatMap((entry) => {
    const { action, requester_uid: uid, repeated = 1 } = Object(entry);
    const operation = action.SecretOperationAudited;
    if (operation === undefined) return [];
    const { action: what, key, outcome, requester_name: client } = operation;
    return [{ action: what, key, outcome, client, uid, repeated }];
  });
}

/** How often something was done, an entry that stands for many counted as many. */
export function times(device: Device, wanted: (operation: Operation) => boolean): number {
  return operations(device)
    .filter(wanted)
    .reduce((sum, { repeated }) => sum + repeated, 0);
}
