// SPDX-License-Identifier: MIT
import { Coalescer } from '../../audit/coalesce.ts';
import type { Clock } from '../../core/clock.ts';
import type { AuditedOperation, Auditor } from './auditor.ts';

interface Observed {
  readonly operation: AuditedOperation;
  readonly outcome: string;
}

/** Reads, told apart by what was read, and what did not succeed, by its outcome: many of one client must not push older entries out. */
export function observations(auditor: Auditor, clock: Clock): { reads: Coalescer<Observed>; failures: Coalescer<Observed> } {
  const common = {
    clock,
    clientOf: ({ operation: { sender } }: Observed) => sender.name ?? `uid ${sender.uid}`,
    write: ({ operation, outcome }: Observed, repeated: number) => auditor.note(operation, outcome, repeated),
  };
  return {
    reads: new Coalescer({
      ...common,
      eachWhileAllowed: true,
      subjectOf: ({ operation: { action, profile, key } }) => `${action} ${profile} ${key ?? ''}`,
      blur: ({ operation, outcome }) => ({ operation: { ...operation, key: null }, outcome }),
    }),
    failures: new Coalescer({ ...common, subjectOf: ({ outcome }) => outcome }),
  };
}
