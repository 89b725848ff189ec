// SPDX-License-Identifier: MIT
import { randomFillSync } from 'node:crypto';
import { type Esys, esysOwner, esysPassword } from '../linux/tss2/esys.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { nameOf } from './authorize-policy.ts';
import { TPMA_SESSION } from './constants.ts';
import {
  counterPublic,
  countersTaken,
  handlesOf,
  incrementCounter,
  type NvCounter,
  nvObject,
  ownerRefusal,
  TPMA_NV,
} from './nv-counter.ts';
import { authStructure, longestAuthValue, startSaltedSession, TPM_SE_HMAC } from './session.ts';
import type { StorageKey } from './storage-key.ts';
import { sized } from './wire.ts';

/** An authorisation value for a counter; the caller releases it. A TPM takes zeros at its end away, so there are none. */
export function newCounterAuthorisation(memory: SecretMemory): SecretBytes {
  const value = memory.allocate(longestAuthValue);
  randomFillSync(value.bytes);
  value.bytes.writeUInt8(value.bytes.readUInt8(longestAuthValue - 1) | 1, longestAuthValue - 1);
  return value;
}

/**
 * Makes the counter of a vault that nobody but the vault can raise or read. One that an earlier vault left in this place is removed: the
 * new one starts above it.
 * @param place where the vault is, not secret: what tells its counter from those of other vaults
 * @throws SesameError tpm-counters-taken, tpm-owner-protected
 */
export async function makeStateCounter(
  esys: Esys,
  key: StorageKey,
  place: Buffer,
  authorisation: SecretBytes,
): Promise<NvCounter> {
  const handle = await clearedHandle(esys, place);
  const publicArea = counterPublic(handle, 'state', place);
  await define(esys, key, publicArea(0), authorisation);
  await incrementCounter(esys, key, { handle, name: nameOf(publicArea(0)) }, authorisation);
  return { handle, name: nameOf(publicArea(TPMA_NV.WRITTEN)) };
}

/** The handle that this place has, or the first that nobody has. */
async function clearedHandle(esys: Esys, place: Buffer): Promise<number> {
  let free: number | undefined;
  for (const handle of handlesOf('state')) {
    const object = await nvObject(esys, handle);
    if (object === undefined) free ??= handle;
    else if (isStateCounterOf(place, handle, esys.name(object))) {
      await undefine(esys, object);
      return handle;
    }
  }
  if (free === undefined) throw countersTaken('state');
  return free;
}

/** Whether an index with this name is the counter of the vault in this place. */
export function isStateCounterOf(place: Buffer, handle: number, name: Buffer): boolean {
  const publicArea = counterPublic(handle, 'state', place);
  return name.equals(nameOf(publicArea(TPMA_NV.WRITTEN))) || name.equals(nameOf(publicArea(0)));
}

/** The authorisation value travels encrypted. */
async function define(esys: Esys, key: StorageKey, publicArea: Buffer, authorisation: SecretBytes): Promise<void> {
  const session = await startSaltedSession(esys, key, TPM_SE_HMAC, TPMA_SESSION.decrypt | TPMA_SESSION.continueSession);
  const auth = authStructure(authorisation);
  try {
    const [object] = await esys.run('NV_DefineSpace', esysOwner, [session], auth, sized(publicArea));
    // The library keeps the value with the object.
    esys.setAuth(object, sized(Buffer.alloc(longestAuthValue)));
  } catch (thrown) {
    throw ownerRefusal(thrown);
  } finally {
    auth.fill(0);
    esys.wipeCopies(authorisation.bytes);
    await esys.flush(session);
  }
}

async function undefine(esys: Esys, object: number): Promise<void> {
  try {
    await esys.run('NV_UndefineSpace', esysOwner, object, [esysPassword]);
  } catch (thrown) {
    throw ownerRefusal(thrown);
  }
}
