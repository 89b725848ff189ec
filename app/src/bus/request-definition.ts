// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';

/** Which daemon answers a request. */
export type Answerer = 'daemon-profile' | 'daemon-secrets';

export interface RequestDefinition {
  readonly answeredBy: Answerer;
  /** The clearance that a sender needs. */
  readonly level: SecurityLevel;
  /** Whether the request may carry secret bytes. */
  readonly attachment: boolean;
  readonly body: object;
  readonly reply: object;
}
