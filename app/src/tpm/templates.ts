// SPDX-License-Identifier: MIT
import { TPM_ALG, TPM_ECC_NIST_P256, TPMA_OBJECT } from './constants.ts';
import { sized, u16, u32 } from './wire.ts';

const { fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, adminWithPolicy, noDA, restricted, decrypt } = TPMA_OBJECT;

/** TPMT_SYM_DEF: AES-128 in CFB mode, of storage keys and of parameter encryption. */
export const aes128Cfb: Buffer = Buffer.concat([u16(TPM_ALG.AES), u16(128), u16(TPM_ALG.CFB)]);

/** TPMS_ECC_PARMS of a storage key on P-256, and a unique field of zeros. */
const eccStorage = Buffer.concat([
  ...[aes128Cfb, u16(TPM_ALG.NULL), u16(TPM_ECC_NIST_P256), u16(TPM_ALG.NULL)],
  ...[sized(Buffer.alloc(32)), sized(Buffer.alloc(32))],
]);

/** TPM2B_PUBLIC of the storage root key: ECC P-256 (TCG TPM v2.0 Provisioning Guidance, 7.5.1; EK Credential Profile, template H-2's fellow). */
export const storageKeyTemplate: Buffer = publicArea(
  TPM_ALG.ECC,
  fixedTPM | fixedParent | sensitiveDataOrigin | userWithAuth | noDA | restricted | decrypt,
  Buffer.alloc(0),
  eccStorage,
);

/** The well-known policy of endorsement keys: PolicySecret of the endorsement hierarchy (TCG EK Credential Profile, B.3). */
const endorsementPolicy = Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex');

/** TPM2B_PUBLIC of the endorsement key L-2: ECC P-256 (TCG EK Credential Profile, B.4.4). It names the chip and survives a clear. */
export const endorsementKeyTemplate: Buffer = publicArea(
  TPM_ALG.ECC,
  fixedTPM | fixedParent | sensitiveDataOrigin | adminWithPolicy | restricted | decrypt,
  endorsementPolicy,
  eccStorage,
);

/**
 * TPM2B_PUBLIC of sealed data. Only its policy opens it: `userWithAuth` is clear, so its authorisation value alone, an empty one
 * without a PIN, does not. Without a PIN a failure is no attack, so `noDA` is set.
 */
export function sealedDataTemplate(policy: Buffer, hasPin: boolean): Buffer {
  const attributes = fixedTPM | fixedParent | adminWithPolicy | (hasPin ? 0 : noDA);
  return publicArea(TPM_ALG.KEYEDHASH, attributes, policy, Buffer.concat([u16(TPM_ALG.NULL), u16(0)]));
}

/** @param rest parameters and unique of the type */
function publicArea(type: number, attributes: number, policy: Buffer, rest: Buffer): Buffer {
  return sized(u16(type), u16(TPM_ALG.SHA256), u32(attributes), sized(policy), rest);
}
