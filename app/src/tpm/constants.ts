// SPDX-License-Identifier: MIT

/** Numbers of the TPM 2.0 Library, part 2, by their names there. */
export const TPM_ALG = {
  AES: 0x0006,
  KEYEDHASH: 0x0008,
  SHA256: 0x000b,
  SHA384: 0x000c,
  NULL: 0x0010,
  ECC: 0x0023,
  CFB: 0x0043,
} as const;
export const TPM_ECC_NIST_P256 = 0x0003;
export const TPM_SE_POLICY = 0x01;
export const TPM_CAP = { HANDLES: 0x1, PCRS: 0x5, TPM_PROPERTIES: 0x6 } as const;

/** Command codes, as policies digest them. */
export const TPM_CC = { PolicyAuthValue: 0x16b, PolicyPCR: 0x17f } as const;

/** TPMA_OBJECT. */
export const TPMA_OBJECT = {
  fixedTPM: 0x00000002,
  fixedParent: 0x00000010,
  sensitiveDataOrigin: 0x00000020,
  userWithAuth: 0x00000040,
  adminWithPolicy: 0x00000080,
  noDA: 0x00000400,
  restricted: 0x00010000,
  decrypt: 0x00020000,
} as const;

/** TPMA_SESSION. */
export const TPMA_SESSION = { continueSession: 0x01, decrypt: 0x20, encrypt: 0x40 } as const;

/** Answers of the TPM that mean something to us, without the number of the parameter, handle or session (part 2, 6.6). */
export const TPM_RC = {
  INITIALIZE: 0x100,
  LOCKOUT: 0x921,
  NV_LOCKED: 0x148,
  NV_RATE: 0x920,
  NV_UNAVAILABLE: 0x923,
  PCR_CHANGED: 0x128,
  POLICY: 0x126,
  AUTH_FAIL: 0x08e,
  BAD_AUTH: 0x0a2,
  HANDLE: 0x08b,
  POLICY_FAIL: 0x09d,
  VALUE: 0x084,
} as const;

/** The TPM's own answer without its parameter, handle or session; undefined when a layer above the TPM speaks. */
export function tpmResponse(response: number | undefined): number | undefined {
  if (response === undefined || (response & 0xff0000) !== 0) return undefined;
  const formatOne = 0x080;
  return (response & formatOne) === 0 ? response : response & 0x0bf;
}
