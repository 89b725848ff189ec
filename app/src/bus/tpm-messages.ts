// SPDX-License-Identifier: MIT
import type { RequestDefinition } from './request-definition.ts';
import { count, flag, nothing, profileName, profileOnly, text } from './schema.ts';

const pcrNumber = { type: 'integer', minimum: 0, maximum: 23 } as const;
/** Lower-case hexadecimal digits: a digest of up to 64 bytes. */
const digest = text(128);

const sealedPcr = {
  type: 'object',
  properties: { pcr: pcrNumber, sealed: digest, now: digest },
  required: ['pcr', 'sealed', 'now'],
  additionalProperties: false,
} as const;

/** What daemon-secrets, the only one with the TPM, answers about it. */
export const tpmRequests = {
  'tpm-status': {
    answeredBy: 'daemon-secrets',
    level: 'internal',
    attachment: false,
    body: nothing,
    reply: {
      type: 'object',
      properties: {
        tcti: text(256),
        manufacturer: text(16),
        model: text(64),
        firmware: text(64),
        owner_protected: flag,
        /** How the TPM defends PINs against guessing; one try is forgiven after so many seconds of power. */
        tries: count,
        maximum_tries: count,
        try_interval_seconds: count,
        locked_out: flag,
        persistent_handles_left: count,
        /** 0 unless the NV memory is written too often. */
        nv_recovery_ms: count,
        /** NV indices in our range that count for no vault here. */
        leftover_counters: { type: 'array', maxItems: 32, items: count },
        enrolments: {
          type: 'array',
          maxItems: 256,
          items: {
            type: 'object',
            properties: {
              profile: profileName,
              handle: count,
              bank: text(16),
              pcrs: { type: 'array', maxItems: 24, items: pcrNumber },
              pin: flag,
              /** Those that are not as at sealing. */
              changed: { type: 'array', maxItems: 24, items: pcrNumber },
              capped: flag,
            },
            required: ['profile', 'handle', 'bank', 'pcrs', 'pin', 'changed', 'capped'],
            additionalProperties: false,
          },
        },
      },
      required: [
        ...['tcti', 'manufacturer', 'model', 'firmware', 'owner_protected', 'tries', 'maximum_tries', 'try_interval_seconds'],
        ...['locked_out', 'persistent_handles_left', 'nv_recovery_ms', 'leftover_counters', 'enrolments'],
      ],
      additionalProperties: false,
    },
  },
  /** The PCRs that a profile's key is sealed to, then and now. */
  'tpm-sealed-pcrs': {
    answeredBy: 'daemon-secrets',
    level: 'internal',
    attachment: false,
    body: profileOnly,
    reply: {
      type: 'object',
      properties: { bank: text(16), pcrs: { type: 'array', maxItems: 24, items: sealedPcr } },
      required: ['bank', 'pcrs'],
      additionalProperties: false,
    },
  },
  /** All PCRs of a bank. */
  'tpm-pcrs': {
    answeredBy: 'daemon-secrets',
    level: 'internal',
    attachment: false,
    body: {
      type: 'object',
      properties: { bank: { enum: ['sha256', 'sha384'] } },
      required: ['bank'],
      additionalProperties: false,
    },
    reply: {
      type: 'object',
      properties: {
        pcrs: {
          type: 'array',
          maxItems: 24,
          items: {
            type: 'object',
            properties: { pcr: pcrNumber, value: digest },
            required: ['pcr', 'value'],
            additionalProperties: false,
          },
        },
      },
      required: ['pcrs'],
      additionalProperties: false,
    },
  },
  /** Extends the PCR of [global.tpm] cap_pcr. */
  'tpm-cap': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: false,
    body: nothing,
    reply: {
      type: 'object',
      properties: { bank: text(16), pcr: pcrNumber },
      required: ['bank', 'pcr'],
      additionalProperties: false,
    },
  },
} as const satisfies Record<string, RequestDefinition>;
