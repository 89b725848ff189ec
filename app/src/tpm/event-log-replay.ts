// SPDX-License-Identifier: MIT
import { type EventLogBank, eventLogBanks, extended } from './event-log-bank.ts';
import { EventType } from './event-log-types.ts';
import { type PcrValues, pcrCount } from './pcr-selection.ts';

const startupLocality = Buffer.from('StartupLocality\0', 'latin1');

/** What it takes of an event to extend it. */
export interface ExtendableEvent {
  readonly pcr: number;
  readonly type: number;
  readonly data: Buffer;
  readonly digests: ReadonlyMap<EventLogBank, Buffer>;
}

/**
 * The PCR values that these events lead to, for every PCR that an event names. A PCR that the kernel, an initial RAM disk or a program
 * extended after the firmware has another value in the TPM.
 */
export function replay(events: readonly ExtendableEvent[], bank: EventLogBank): PcrValues {
  const values = new Map<number, Buffer>();
  for (const event of events) {
    if (event.type === EventType.noAction) {
      const locality = localityOf(event);
      if (locality !== undefined) values.set(0, startValue(bank, locality));
      continue;
    }
    const digest = event.digests.get(bank);
    if (digest === undefined || event.pcr >= pcrCount) continue;
    values.set(event.pcr, extended(bank, values.get(event.pcr) ?? startValue(bank, 0), digest));
  }
  return values;
}

/** PCR 0 starts with the locality from which the TPM was started (TCG PC Client Platform Firmware Profile, section 10.4.5.3). */
function localityOf(event: ExtendableEvent): number | undefined {
  const { data } = event;
  if (data.length !== startupLocality.length + 1 || !data.subarray(0, startupLocality.length).equals(startupLocality))
    return undefined;
  return data[startupLocality.length];
}

function startValue(bank: EventLogBank, locality: number): Buffer {
  const value = Buffer.alloc(eventLogBanks[bank].size);
  value.writeUInt8(locality, value.length - 1);
  return value;
}
