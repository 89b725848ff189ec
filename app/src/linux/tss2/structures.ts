// SPDX-License-Identifier: MIT
import { DataType } from 'ffi-rs';
import { assert } from '../../core/errors.ts';
import { call } from './libraries.ts';

/*
 * Outside this folder a TPM structure is its wire form, as TPM 2.0 Library part 2 has it: big-endian, packed. C has another one, and
 * libtss2-mu translates. Only types that it has a function for.
 */
export type Structure =
  | 'TPM2B_AUTH'
  | 'TPM2B_CREATION_DATA'
  | 'TPM2B_DATA'
  | 'TPM2B_DIGEST'
  | 'TPM2B_ENCRYPTED_SECRET'
  | 'TPM2B_EVENT'
  | 'TPM2B_MAX_NV_BUFFER'
  | 'TPM2B_NAME'
  | 'TPM2B_NONCE'
  | 'TPM2B_NV_PUBLIC'
  | 'TPM2B_PRIVATE'
  | 'TPM2B_PUBLIC'
  | 'TPM2B_SENSITIVE'
  | 'TPM2B_SENSITIVE_CREATE'
  | 'TPML_DIGEST'
  | 'TPML_DIGEST_VALUES'
  | 'TPML_PCR_SELECTION'
  | 'TPMS_CAPABILITY_DATA'
  | 'TPMS_TIME_INFO'
  | 'TPMT_SIG_SCHEME'
  | 'TPMT_SIGNATURE'
  | 'TPMT_SYM_DEF'
  | 'TPMT_TK_CREATION'
  | 'TPMT_TK_HASHCHECK'
  | 'TPMT_TK_VERIFIED';

/** Above the largest of them, in both forms. */
const longestStructure = 8192;

function functionName(structure: Structure, direction: 'Marshal' | 'Unmarshal'): string {
  return `Tss2_MU_${structure}_${direction}`;
}

/** The structure as C has it. The caller wipes it if it is secret. */
export function toC(structure: Structure, wire: Buffer): Buffer {
  const native = Buffer.alloc(longestStructure);
  const response = call('mu', functionName(structure, 'Unmarshal'), DataType.U32, [
    { type: DataType.U8Array, value: wire },
    { type: DataType.I64, value: wire.length },
    { type: DataType.BigInt, value: 0n },
    { type: DataType.U8Array, value: native },
  ]);
  assert(response === 0, `a ${structure} that libtss2-mu understands`);
  return native;
}

/** The wire form of a structure of C. It is for what is public: what is secret is read where it lies. */
export function fromC(structure: Structure, address: bigint): Buffer {
  const wire = Buffer.alloc(longestStructure);
  const end = Buffer.alloc(8);
  const response = call('mu', functionName(structure, 'Marshal'), DataType.U32, [
    { type: DataType.BigInt, value: address },
    { type: DataType.U8Array, value: wire },
    { type: DataType.I64, value: wire.length },
    { type: DataType.U8Array, value: end },
  ]);
  assert(response === 0, `a ${structure} that libtss2-mu can marshal`);
  return Buffer.from(wire.subarray(0, Number(end.readBigUInt64LE())));
}
