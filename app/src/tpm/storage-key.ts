// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { type Esys, esysEndorsement, esysOwner, esysPassword } from '../linux/tss2/esys.ts';
import { responseOf } from '../linux/tss2/response-code.ts';
import { TPM_RC, tpmResponse } from './constants.ts';
import { endorsementKeyTemplate, storageKeyTemplate } from './templates.ts';
import { sized, u32 } from './wire.ts';

/** Where the TCG's provisioning guidance puts the storage root key, and everybody looks for one. */
export const storageRootHandle = 0x81000001;

/** Ours, when a key that does not fit (RSA, say) lives there. */
const ownHandles = Array.from({ length: 16 }, (_, index) => 0x81000100 + index);

/** The key that everything here is sealed under: ECC P-256, made from the owner seed, persistent. */
export interface StorageKey {
  /** ESYS_TR. */
  readonly object: number;
  /** TPM_HANDLE. */
  readonly handle: number;
  /** TPM2B_NAME without its length: it binds to the public area, and so to the seed. */
  readonly name: Buffer;
}

/** What an enrolment knows of its storage key. */
export interface EnrolledKey {
  readonly handle: number;
  readonly name: Buffer;
  /** The name of the chip's endorsement key; empty where it could not be read. */
  readonly endorsementName: Buffer;
}

/**
 * The storage key for something new: the storage root key if there is a fitting one, else one of ours, made if need be.
 * @throws SesameError tpm-owner-protected, tpm-handles-taken
 */
export async function provideStorageKey(esys: Esys): Promise<StorageKey> {
  for (const handle of [storageRootHandle, ...ownHandles]) {
    const object = await persistentObject(esys, handle);
    if (object === undefined) return await makePersistent(esys, handle);
    if (await isStorageKey(esys, object)) return { object, handle, name: esys.name(object) };
  }
  const [first, last] = [storageRootHandle, ownHandles.at(-1) ?? storageRootHandle].map(hexadecimal);
  throw SesameError.of('tpm-handles-taken', { first: first ?? '', last: last ?? '' });
}

/**
 * The storage key that an enrolment names. A handle that was evicted is filled again: the seed gives the same key. Another name means
 * another seed, or somebody between here and the TPM who would read what is sent to their key.
 * @param path of the enrolment, for messages
 * @throws SesameError tpm-replaced, tpm-cleared, tpm-owner-protected
 */
export async function enrolledStorageKey(esys: Esys, path: string, enrolled: EnrolledKey): Promise<StorageKey> {
  const { handle, name } = enrolled;
  const found = await persistentObject(esys, handle);
  if (found !== undefined && esys.name(found).equals(name)) return { object: found, handle, name };
  const made = await makeStorageKey(esys);
  const isSame = esys.name(made).equals(name);
  try {
    if (isSame && found === undefined) return { object: await persist(esys, made, handle), handle, name };
  } finally {
    await esys.flush(made);
  }
  if (isSame) {
    // Something else took the place; what we make at every unlock lives at another one.
    return await makePersistentElsewhere(esys, name);
  }
  throw await wrongKey(esys, path, enrolled);
}

/** The name of the chip's endorsement key, or nothing where the endorsement hierarchy has a password. */
export async function endorsementName(esys: Esys): Promise<Buffer> {
  try {
    const object = await createPrimary(esys, esysEndorsement, endorsementKeyTemplate);
    const name = esys.name(object);
    await esys.flush(object);
    return name;
  } catch (thrown) {
    if (isAuthFailure(thrown)) return Buffer.alloc(0);
    throw thrown;
  }
}

/** The same chip with another seed was cleared; another chip is another chip. */
async function wrongKey(esys: Esys, path: string, enrolled: EnrolledKey): Promise<SesameError> {
  const name = await endorsementName(esys);
  const isSameChip = name.length > 0 && name.equals(enrolled.endorsementName);
  return SesameError.of(isSameChip ? 'tpm-cleared' : 'tpm-replaced', { path });
}

async function makePersistentElsewhere(esys: Esys, name: Buffer): Promise<StorageKey> {
  for (const handle of ownHandles) {
    const object = await persistentObject(esys, handle);
    if (object === undefined) return await makePersistent(esys, handle);
    if (esys.name(object).equals(name)) return { object, handle, name };
  }
  throw SesameError.of('tpm-handles-taken', {
    first: hexadecimal(ownHandles[0] ?? 0),
    last: hexadecimal(ownHandles.at(-1) ?? 0),
  });
}

async function makePersistent(esys: Esys, handle: number): Promise<StorageKey> {
  const made = await makeStorageKey(esys);
  try {
    return { object: await persist(esys, made, handle), handle, name: esys.name(made) };
  } finally {
    await esys.flush(made);
  }
}

async function persist(esys: Esys, object: number, handle: number): Promise<number> {
  const [persistent] = await esys.run('EvictControl', esysOwner, object, [esysPassword], handle);
  return persistent;
}

async function makeStorageKey(esys: Esys): Promise<number> {
  try {
    return await createPrimary(esys, esysOwner, storageKeyTemplate);
  } catch (thrown) {
    if (isAuthFailure(thrown)) throw SesameError.of('tpm-owner-protected', {}, thrown);
    throw thrown;
  }
}

async function createPrimary(esys: Esys, hierarchy: number, template: Buffer): Promise<number> {
  const noAuthorisation = sized(u32(0));
  const [object] = await esys.run('CreatePrimary', hierarchy, [esysPassword], noAuthorisation, template, Buffer.alloc(2), u32(0));
  return object;
}

/** @returns undefined when nothing is there */
async function persistentObject(esys: Esys, handle: number): Promise<number | undefined> {
  try {
    const [object] = await esys.run('TR_FromTPMPublic', handle, []);
    return object;
  } catch (thrown) {
    if (tpmResponse(responseOf(thrown)) === TPM_RC.HANDLE) return undefined;
    throw thrown;
  }
}

/** Whether an object was made from our template: all of its public area but the key itself is the same. */
async function isStorageKey(esys: Esys, object: number): Promise<boolean> {
  const uniqueBytes = 2 + 32 + 2 + 32;
  const [publicArea] = await esys.run('ReadPublic', object, []);
  const fixed = storageKeyTemplate.length - uniqueBytes;
  return (
    publicArea.length === storageKeyTemplate.length && publicArea.subarray(0, fixed).equals(storageKeyTemplate.subarray(0, fixed))
  );
}

function isAuthFailure(thrown: unknown): boolean {
  const response = tpmResponse(responseOf(thrown));
  return response === TPM_RC.BAD_AUTH || response === TPM_RC.AUTH_FAIL;
}

function hexadecimal(handle: number): string {
  return `0x${handle.toString(16)}`;
}
