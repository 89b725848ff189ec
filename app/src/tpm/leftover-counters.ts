// SPDX-License-Identifier: MIT
import type { Esys } from '../linux/tss2/esys.ts';
import { TPM_CAP } from './constants.ts';
import { handlesOf, nvObject } from './nv-counter.ts';
import { isStateCounterOf } from './state-counter.ts';
import { WireReader } from './wire.ts';

export interface CountersInUse {
  /** Handles of the counters that enrolments name; undefined when an enrolment cannot be read, so that nobody knows. */
  readonly approvals: ReadonlySet<number> | undefined;
  /** Where the vaults are that may have a state counter. */
  readonly places: readonly Buffer[];
}

/**
 * The NV indices in our range that are of no vault here: what a vault left that was removed or made anew, or what another installation, or somebody
 * else, has there. There is room for 16 of a kind.
 */
export async function leftoverCounters(esys: Esys, { approvals, places }: CountersInUse): Promise<number[]> {
  const present = await presentIndices(esys);
  const leftover = approvals === undefined ? [] : handlesOf('approvals').filter((handle) => !approvals.has(handle));
  for (const handle of handlesOf('state').filter((state) => present.has(state))) {
    const object = await nvObject(esys, handle);
    if (object === undefined) continue;
    const name = esys.name(object);
    if (!places.some((place) => isStateCounterOf(place, handle, name))) leftover.push(handle);
  }
  return leftover.filter((handle) => present.has(handle)).sort((one, other) => one - other);
}

/** Those of our range that are defined, asked for at once. */
async function presentIndices(esys: Esys): Promise<ReadonlySet<number>> {
  const ours = [...handlesOf('approvals'), ...handlesOf('state')];
  const [, data] = await esys.run('GetCapability', [], TPM_CAP.HANDLES, Math.min(...ours), ours.length);
  const reader = new WireReader(data);
  reader.u32();
  const count = reader.u32();
  return new Set(Array.from({ length: count }, () => reader.u32()));
}
