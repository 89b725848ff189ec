// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import type { EventLog } from './event-log.ts';
import { replay } from './event-log-replay.ts';
import { digestBytes, type PcrSelection, type PcrValues } from './pcr-selection.ts';
import { beforeCap } from './sealed-key.ts';

/**
 * The values that a log leads to. A PCR without an event stays as the TPM starts it, zero for those of the firmware.
 * @throws SesameError boot-unpredictable when the log does not keep this bank: then it tells nothing about any of its PCRs
 */
export function loggedValues(log: EventLog, { bank, pcrs }: PcrSelection): PcrValues {
  if (!log.banks.includes(bank)) {
    throw SesameError.of('boot-unpredictable', { reason: `its event log has no digests of ${bank}` });
  }
  const values = replay(log.events, bank);
  return new Map(pcrs.map((pcr) => [pcr, values.get(pcr) ?? Buffer.alloc(digestBytes(bank))]));
}

/**
 * Checks that the log of this boot leads to the PCRs of now. What extends one after the firmware has ended its log, IMA for one, will do
 * so again and differently: no log tells how. Our own cap comes after the unlock.
 * @param now what the TPM has
 * @throws SesameError boot-unpredictable
 */
export function requireAccounted(log: EventLog, selection: PcrSelection, now: PcrValues): void {
  for (const [pcr, expected] of loggedValues(log, selection)) {
    const found = now.get(pcr);
    if (found?.equals(expected) || beforeCap(selection.bank, found, [expected]) !== undefined) continue;
    throw SesameError.of('boot-unpredictable', { reason: `PCR ${pcr} has another value than its event log leads to` });
  }
}
