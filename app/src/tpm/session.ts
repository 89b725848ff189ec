// SPDX-License-Identifier: MIT
import { type Esys, esysNone } from '../linux/tss2/esys.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import { TPM_ALG } from './constants.ts';
import type { StorageKey } from './storage-key.ts';
import { aes128Cfb } from './templates.ts';
import { secretStructure, u16 } from './wire.ts';

export const TPM_SE_HMAC = 0x00;

/** An authorisation value is at most as long as the digest of the object's name: SHA-256. */
export const longestAuthValue = 32;

/**
 * Starts a session whose key depends on a secret that only the storage key can read (a salted session), so that who listens between
 * here and the TPM can neither read encrypted parameters nor forge answers.
 * @param type TPM_SE
 * @param attributes TPMA_SESSION: which parameters are encrypted, and whether the session outlives the next command
 * @returns the session's ESYS_TR; whoever starts it flushes it
 */
export async function startSaltedSession(esys: Esys, key: StorageKey, type: number, attributes: number): Promise<number> {
  const [session] = await esys.run('StartAuthSession', key.object, esysNone, [], undefined, type, aes128Cfb, TPM_ALG.SHA256);
  esys.setSessionAttributes(session, attributes, 0xff);
  return session;
}

/** TPM2B_AUTH of a secret; the caller wipes it. */
export function authStructure(value: SecretBytes): Buffer {
  const structure = secretStructure(2 + value.length);
  structure.writeUInt16BE(value.length);
  structure.set(value.bytes, 2);
  return structure;
}

/** Lets the library prove an object's authorisation value in sessions while the work lasts, and overwrites its copy afterwards. */
export async function withAuthValue<Result>(
  esys: Esys,
  object: number,
  value: SecretBytes | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (value === undefined) return await work();
  const structure = authStructure(value);
  try {
    esys.setAuth(object, structure);
    return await work();
  } finally {
    structure.fill(0);
    esys.setAuth(object, Buffer.concat([u16(longestAuthValue), Buffer.alloc(longestAuthValue)]));
  }
}
