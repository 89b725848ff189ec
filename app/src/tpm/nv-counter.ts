// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { assert, SesameError } from '../core/errors.ts';
import { type Esys, esysOwner, esysPassword } from '../linux/tss2/esys.ts';
import { responseOf } from '../linux/tss2/response-code.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { nameOf } from './authorize-policy.ts';
import { TPM_ALG, TPM_RC, TPMA_SESSION, tpmResponse } from './constants.ts';
import { startSaltedSession, TPM_SE_HMAC, withAuthValue } from './session.ts';
import type { StorageKey } from './storage-key.ts';
import { sized, u16, u32 } from './wire.ts';

/** TPMA_NV: a counter that whoever knows its authorisation value may read and increment, and nobody decrement. */
const TPM_NT_COUNTER = 0x10;
export const TPMA_NV = { AUTHWRITE: 0x4, AUTHREAD: 0x4_0000, NO_DA: 0x200_0000, WRITTEN: 0x2000_0000 } as const;
const attributes = TPM_NT_COUNTER | TPMA_NV.AUTHWRITE | TPMA_NV.AUTHREAD | TPMA_NV.NO_DA;
const counterSize = 8;

/** In the owner's range of NV indices (TCG Registry of Reserved TPM 2.0 Handles, 2.2), two for each of 16 vaults. */
export const firstIndex = 0x0180_5e00;
const vaultLimit = 16;

/** What a counter is for. */
export type CounterPurpose = 'approvals' | 'state';
const purposes: readonly CounterPurpose[] = ['approvals', 'state'];

/** A counter in the TPM's NV memory that only goes up, also when it is removed and made again. */
export interface NvCounter {
  /** TPM_HANDLE. */
  readonly handle: number;
  /** Binds to handle, attributes and mark: an index of somebody else's in its place has another. */
  readonly name: Buffer;
}

/**
 * The counter of a vault, made when there is none. It is recognised by a mark of the vault in its policy field, which nothing else uses.
 * @param vault what tells this vault from every other, not secret
 * @throws SesameError tpm-counters-taken when every index of ours is somebody else's or of another vault, tpm-owner-protected
 */
export async function provideCounter(esys: Esys, purpose: CounterPurpose, vault: Buffer): Promise<NvCounter> {
  for (const handle of handlesOf(purpose)) {
    const publicArea = counterPublic(handle, purpose, vault);
    const found = await nvObject(esys, handle);
    if (found === undefined) return await makeCounter(esys, handle, publicArea);
    const name = esys.name(found);
    if (name.equals(nameOf(publicArea(TPMA_NV.WRITTEN)))) return { handle, name };
    // Made, but the power went before its first increment.
    if (name.equals(nameOf(publicArea(0)))) return await startCounter(esys, found, handle, publicArea);
  }
  throw countersTaken(purpose);
}

/** Whether this is a counter that provideCounter gives for the vault, as far as its name says. */
export function isCounterOf({ handle, name }: NvCounter, purpose: CounterPurpose, vault: Buffer): boolean {
  return handlesOf(purpose).includes(handle) && name.equals(nameOf(counterPublic(handle, purpose, vault)(TPMA_NV.WRITTEN)));
}

/**
 * The ESYS_TR of an enrolled counter.
 * @throws SesameError tpm-counter-replaced when it is gone or another index is in its place
 */
export async function counterObject(esys: Esys, { handle, name }: NvCounter): Promise<number> {
  const object = await nvObject(esys, handle);
  if (object === undefined || !esys.name(object).equals(name)) {
    throw SesameError.of('tpm-counter-replaced', {
      index: hexadecimal(handle),
      found: object === undefined ? 'gone' : 'another',
    });
  }
  return object;
}

/**
 * Reads a counter. The answer is authenticated with a key that only the TPM knows, so that nobody on the way can put an older one in.
 * @param authorisation its authorisation value, where it is not empty
 * @throws SesameError tpm-counter-replaced
 */
export async function readCounter(esys: Esys, key: StorageKey, counter: NvCounter, authorisation?: SecretBytes): Promise<bigint> {
  const object = await counterObject(esys, counter);
  const [bytes] = await authenticated(esys, key, object, authorisation, (session) =>
    esys.run('NV_Read', object, object, [session], counterSize, 0),
  );
  assert(bytes.length === 2 + counterSize, 'a counter has 64 bits');
  return bytes.readBigUInt64BE(2);
}

/** Makes a counter go up, and believes only the TPM that it did. Parameters and errors as for readCounter. */
export async function incrementCounter(
  esys: Esys,
  key: StorageKey,
  counter: NvCounter,
  authorisation?: SecretBytes,
): Promise<void> {
  const object = await counterObject(esys, counter);
  await authenticated(esys, key, object, authorisation, (session) => esys.run('NV_Increment', object, object, [session]));
}

async function authenticated<Result>(
  esys: Esys,
  key: StorageKey,
  object: number,
  authorisation: SecretBytes | undefined,
  work: (session: number) => Promise<Result>,
): Promise<Result> {
  const session = await startSaltedSession(esys, key, TPM_SE_HMAC, TPMA_SESSION.continueSession);
  try {
    return await withAuthValue(esys, object, authorisation, () => work(session));
  } finally {
    await esys.flush(session);
  }
}

export function countersTaken(purpose: CounterPurpose): SesameError {
  const [first = 0] = handlesOf(purpose);
  const last = first + purposes.length * (vaultLimit - 1);
  return SesameError.of('tpm-counters-taken', { first: hexadecimal(first), last: hexadecimal(last) });
}

/** The TPM_HANDLEs of the counters for a purpose, ascending. */
export function handlesOf(purpose: CounterPurpose): number[] {
  return Array.from({ length: vaultLimit }, (_, vault) => firstIndex + vault * purposes.length + purposes.indexOf(purpose));
}

type PublicArea = (more: number) => Buffer;

/** TPMS_NV_PUBLIC, with further attributes. */
export function counterPublic(handle: number, purpose: CounterPurpose, vault: Buffer): PublicArea {
  const mark = createHash('sha256').update(`open-sesame ${purpose}`).update(vault).digest();
  return (more) =>
    Buffer.concat([u32(handle), u16(TPM_ALG.SHA256), u32((attributes | more) >>> 0), sized(mark), u16(counterSize)]);
}

async function makeCounter(esys: Esys, handle: number, publicArea: PublicArea): Promise<NvCounter> {
  try {
    const [object] = await esys.run('NV_DefineSpace', esysOwner, [esysPassword], sized(), sized(publicArea(0)));
    return await startCounter(esys, object, handle, publicArea);
  } catch (thrown) {
    throw ownerRefusal(thrown);
  }
}

/** What the owner hierarchy's refusal means. */
export function ownerRefusal(thrown: unknown): unknown {
  return isAuthFailure(thrown) ? SesameError.of('tpm-owner-protected', {}, thrown) : thrown;
}

export function isAuthFailure(thrown: unknown): boolean {
  const response = tpmResponse(responseOf(thrown));
  return response === TPM_RC.BAD_AUTH || response === TPM_RC.AUTH_FAIL;
}

/** Its first increment gives a counter a value above that of every counter that this TPM ever had (part 3, 31.3). */
async function startCounter(esys: Esys, object: number, handle: number, publicArea: PublicArea): Promise<NvCounter> {
  await esys.run('NV_Increment', object, object, [esysPassword]);
  return { handle, name: nameOf(publicArea(TPMA_NV.WRITTEN)) };
}

/** The ESYS_TR of an NV index, or undefined when there is none. */
export async function nvObject(esys: Esys, handle: number): Promise<number | undefined> {
  try {
    const [object] = await esys.run('TR_FromTPMPublic', handle, []);
    return object;
  } catch (thrown) {
    if (tpmResponse(responseOf(thrown)) === TPM_RC.HANDLE) return undefined;
    throw thrown;
  }
}

function hexadecimal(handle: number): string {
  return `0x${handle.toString(16).padStart(8, '0')}`;
}
