// SPDX-License-Identifier: MIT
import type { Structure } from './structures.ts';

/** What a command takes: a number of a width, up to three sessions, or a structure (undefined for none). */
type InputKind = 'u8' | 'u16' | 'u32' | 'sessions' | Structure;

/** What it answers: a number, or a structure. */
type OutputKind = 'u8' | 'u32' | Structure;

interface Signature {
  readonly inputs: readonly InputKind[];
  readonly outputs: readonly OutputKind[];
}

/**
 * The commands in use, with the parameters of `Esys_NAME_Async` and `Esys_NAME_Finish` after the context (TSS 2.0 Enhanced System API,
 * tss2_esys.h). Objects, sessions and hierarchies are ESYS_TR, a u32.
 */
export const commands = {
  Create: {
    inputs: ['u32', 'sessions', 'TPM2B_SENSITIVE_CREATE', 'TPM2B_PUBLIC', 'TPM2B_DATA', 'TPML_PCR_SELECTION'],
    outputs: ['TPM2B_PRIVATE', 'TPM2B_PUBLIC', 'TPM2B_CREATION_DATA', 'TPM2B_DIGEST', 'TPMT_TK_CREATION'],
  },
  CreatePrimary: {
    inputs: ['u32', 'sessions', 'TPM2B_SENSITIVE_CREATE', 'TPM2B_PUBLIC', 'TPM2B_DATA', 'TPML_PCR_SELECTION'],
    outputs: ['u32', 'TPM2B_PUBLIC', 'TPM2B_CREATION_DATA', 'TPM2B_DIGEST', 'TPMT_TK_CREATION'],
  },
  EvictControl: { inputs: ['u32', 'u32', 'sessions', 'u32'], outputs: ['u32'] },
  FlushContext: { inputs: ['u32'], outputs: [] },
  GetCapability: { inputs: ['sessions', 'u32', 'u32', 'u32'], outputs: ['u8', 'TPMS_CAPABILITY_DATA'] },
  Load: { inputs: ['u32', 'sessions', 'TPM2B_PRIVATE', 'TPM2B_PUBLIC'], outputs: ['u32'] },
  LoadExternal: { inputs: ['sessions', 'TPM2B_SENSITIVE', 'TPM2B_PUBLIC', 'u32'], outputs: ['u32'] },
  NV_DefineSpace: { inputs: ['u32', 'sessions', 'TPM2B_AUTH', 'TPM2B_NV_PUBLIC'], outputs: ['u32'] },
  NV_Increment: { inputs: ['u32', 'u32', 'sessions'], outputs: [] },
  NV_Read: { inputs: ['u32', 'u32', 'sessions', 'u16', 'u16'], outputs: ['TPM2B_MAX_NV_BUFFER'] },
  NV_UndefineSpace: { inputs: ['u32', 'u32', 'sessions'], outputs: [] },
  PCR_Event: { inputs: ['u32', 'sessions', 'TPM2B_EVENT'], outputs: ['TPML_DIGEST_VALUES'] },
  PCR_Read: { inputs: ['sessions', 'TPML_PCR_SELECTION'], outputs: ['u32', 'TPML_PCR_SELECTION', 'TPML_DIGEST'] },
  PolicyAuthorize: {
    inputs: ['u32', 'sessions', 'TPM2B_DIGEST', 'TPM2B_NONCE', 'TPM2B_NAME', 'TPMT_TK_VERIFIED'],
    outputs: [],
  },
  PolicyAuthValue: { inputs: ['u32', 'sessions'], outputs: [] },
  PolicyGetDigest: { inputs: ['u32', 'sessions'], outputs: ['TPM2B_DIGEST'] },
  PolicyNV: { inputs: ['u32', 'u32', 'u32', 'sessions', 'TPM2B_DIGEST', 'u16', 'u16'], outputs: [] },
  PolicyPCR: { inputs: ['u32', 'sessions', 'TPM2B_DIGEST', 'TPML_PCR_SELECTION'], outputs: [] },
  ReadPublic: { inputs: ['u32', 'sessions'], outputs: ['TPM2B_PUBLIC', 'TPM2B_NAME', 'TPM2B_NAME'] },
  StartAuthSession: {
    inputs: ['u32', 'u32', 'sessions', 'TPM2B_NONCE', 'u8', 'TPMT_SYM_DEF', 'u16'],
    outputs: ['u32'],
  },
  TR_FromTPMPublic: { inputs: ['u32', 'sessions'], outputs: ['u32'] },
  VerifySignature: { inputs: ['u32', 'sessions', 'TPM2B_DIGEST', 'TPMT_SIGNATURE'], outputs: ['TPMT_TK_VERIFIED'] },
} as const satisfies Record<string, Signature>;

export type CommandName = keyof typeof commands;

type InputOf<Kind> = Kind extends 'u8' | 'u16' | 'u32'
  ? number
  : Kind extends 'sessions'
    ? readonly number[]
    : Buffer | undefined;
type OutputOf<Kind> = Kind extends 'u8' | 'u32' ? number : Buffer;
type InputsOf<Kinds extends readonly unknown[]> = { readonly [Index in keyof Kinds]: InputOf<Kinds[Index]> };
type OutputsOf<Kinds extends readonly unknown[]> = { readonly [Index in keyof Kinds]: OutputOf<Kinds[Index]> };

/** The parameters of a command: numbers, lists of sessions, and structures in wire form. */
export type Inputs<Name extends CommandName> = InputsOf<(typeof commands)[Name]['inputs']>;

/** What a command answers, in the order of its signature. */
export type Outputs<Name extends CommandName> = OutputsOf<(typeof commands)[Name]['outputs']>;
