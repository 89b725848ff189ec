// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';
import { type Esys, esysPassword } from '../linux/tss2/esys.ts';
import { responseOf } from '../linux/tss2/response-code.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { TPM_RC, TPM_SE_POLICY, TPMA_SESSION, tpmResponse } from './constants.ts';
import { longestAuthValue, startSaltedSession, TPM_SE_HMAC, withAuthValue } from './session.ts';
import type { StorageKey } from './storage-key.ts';
import { sealedDataTemplate } from './templates.ts';
import { secretStructure, u32 } from './wire.ts';

export const longestPin = longestAuthValue;

/** What a TPM sealed, as it marshals it; `tpm2_load` takes both. */
export interface SealedData {
  /** TPM2B_PUBLIC. */
  readonly publicArea: Buffer;
  /** TPM2B_PRIVATE. */
  readonly privateArea: Buffer;
}

/** What a policy session asserts before the TPM compares its digest with that of the object. */
export type AssertPolicy = (session: number) => Promise<void>;

/**
 * @param pin 1 to 32 bytes without a NUL at the end, or none
 * @throws SesameError tpm-pin-unfit
 */
export function checkPin(pin: SecretBytes | undefined): void {
  if (pin === undefined) return;
  const { length } = pin;
  // A TPM takes zeros at the end of an authorisation value away.
  if (length < 1 || length > longestPin || pin.bytes.at(-1) === 0) throw SesameError.of('tpm-pin-unfit', { length });
}

/**
 * Seals bytes under a storage key. They, and the PIN, go to the TPM encrypted.
 * @param policy what opens it
 */
export async function seal(
  esys: Esys,
  key: StorageKey,
  policy: Buffer,
  secret: SecretBytes,
  pin: SecretBytes | undefined,
): Promise<SealedData> {
  const sensitive = sensitiveCreate(secret, pin);
  const session = await startSaltedSession(esys, key, TPM_SE_HMAC, TPMA_SESSION.decrypt | TPMA_SESSION.continueSession);
  try {
    const template = sealedDataTemplate(policy, pin !== undefined);
    const outside = Buffer.alloc(2);
    const [privateArea, publicArea] = await esys.run('Create', key.object, [session], sensitive, template, outside, u32(0));
    return { publicArea, privateArea };
  } finally {
    sensitive.fill(0);
    esys.wipeCopies(secret.bytes);
    if (pin !== undefined) esys.wipeCopies(pin.bytes);
    await esys.flush(session);
  }
}

/**
 * Unseals into secret memory.
 * @param assertPolicy asserts on a new policy session what the object's policy asks for; called again when a PCR was extended meanwhile
 * @returns undefined when the PIN is wrong
 * @throws SesameError tpm-command-failed; its response is TPM_RC.POLICY_FAIL when the policy does not hold
 */
export async function unseal(
  esys: Esys,
  memory: SecretMemory,
  key: StorageKey,
  sealed: SealedData,
  assertPolicy: AssertPolicy,
  pin: SecretBytes | undefined,
): Promise<SecretBytes | undefined> {
  const [object] = await esys.run('Load', key.object, [esysPassword], sealed.privateArea, sealed.publicArea);
  try {
    return await withAuthValue(esys, object, pin, () => unsealLoaded(esys, memory, key, object, assertPolicy));
  } catch (thrown) {
    if (pin !== undefined && tpmResponse(responseOf(thrown)) === TPM_RC.AUTH_FAIL) return undefined;
    throw thrown;
  } finally {
    await esys.flush(object);
  }
}

/** While a device boots, IMA and others extend PCRs, and each makes every policy session that looked at PCRs stale. */
const mostTries = 8;

async function unsealLoaded(esys: Esys, memory: SecretMemory, key: StorageKey, object: number, assertPolicy: AssertPolicy) {
  for (let tries = 1; ; tries += 1) {
    const session = await startSaltedSession(esys, key, TPM_SE_POLICY, TPMA_SESSION.encrypt | TPMA_SESSION.continueSession);
    try {
      await assertPolicy(session);
      return await esys.unseal(object, [session], (bytes) => {
        const secret = memory.allocate(bytes);
        return [secret.bytes, secret];
      });
    } catch (thrown) {
      if (tries === mostTries || tpmResponse(responseOf(thrown)) !== TPM_RC.PCR_CHANGED) throw thrown;
    } finally {
      await esys.flush(session);
    }
  }
}

/** TPM2B_SENSITIVE_CREATE; the caller wipes it. */
function sensitiveCreate(secret: SecretBytes, pin: SecretBytes | undefined): Buffer {
  const pinLength = pin?.length ?? 0;
  const content = 2 + pinLength + 2 + secret.length;
  const bytes = secretStructure(2 + content);
  let offset = bytes.writeUInt16BE(content);
  offset = bytes.writeUInt16BE(pinLength, offset);
  if (pin !== undefined) bytes.set(pin.bytes, offset);
  offset = bytes.writeUInt16BE(secret.length, offset + pinLength);
  bytes.set(secret.bytes, offset);
  assert(offset + secret.length === bytes.length, 'the parts fill the structure');
  return bytes;
}
