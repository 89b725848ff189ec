// SPDX-License-Identifier: MIT
import { type Esys, esysNone } from '../linux/tss2/esys.ts';
import { TPM_ALG } from './constants.ts';
import type { StorageKey } from './storage-key.ts';
import { aes128Cfb } from './templates.ts';

export const TPM_SE_HMAC = 0x00;

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
