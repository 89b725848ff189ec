// SPDX-License-Identifier: MIT
import type { RequestDefinition } from './request-definition.ts';
import { count, flag, profileName, profileOnly, text } from './schema.ts';

const pcr = { type: 'integer', minimum: 0, maximum: 23 } as const;
const values = {
  type: 'array',
  maxItems: 24,
  items: {
    type: 'object',
    /** The value in hexadecimal digits. */
    properties: { pcr, value: text(128) },
    required: ['pcr', 'value'],
    additionalProperties: false,
  },
} as const;
const bank = { enum: ['sha256', 'sha384'] } as const;

/** What daemon-secrets answers about the boot states in which the TPM may unseal. */
export const approvalRequests = {
  'tpm-approvals': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: {
      type: 'object',
      properties: {
        /** `pcr`: sealed to PCR values, which no approval changes. */
        policy: { enum: ['pcr', 'authorize'] },
        bank,
        /** The PCRs that the seal is bound to, and what they hold now. */
        pcrs: values,
        approvals: {
          type: 'array',
          maxItems: 8,
          items: {
            type: 'object',
            properties: { label: text(1024), counter: count },
            required: ['label', 'counter'],
            additionalProperties: false,
          },
        },
      },
      required: ['policy', 'bank', 'pcrs', 'approvals'],
      additionalProperties: false,
    },
  },
  'tpm-authorize': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: false,
    body: {
      type: 'object',
      properties: {
        profile: profileName,
        bank,
        values: { ...values, minItems: 1 },
        label: text(256),
        /** What leads to the values, as a serialised boot record. */
        record: text(24_576),
      },
      required: ['profile', 'bank', 'values', 'label'],
      additionalProperties: false,
    },
    reply: {
      type: 'object',
      properties: {
        /** False: this boot state was the last one to be approved already. */
        changed: flag,
        /** Label of an approval that was never used and made room. */
        replaced: text(1024),
      },
      required: ['changed'],
      additionalProperties: false,
    },
  },
} as const satisfies Record<string, RequestDefinition>;
