// SPDX-License-Identifier: MIT
import type { RequestDefinition } from './request-definition.ts';
import {
  authPolicy,
  count,
  daemonHealth,
  evidence,
  flag,
  hex,
  named,
  nothing,
  profileName,
  profileOnly,
  secretName,
  text,
} from './schema.ts';

const unlockResult = {
  type: 'object',
  properties: {
    state: { enum: ['unlocked', 'partial'] },
    /** Factors still missing; with `partial` only. */
    remaining: { type: 'array', maxItems: 8, items: text(32) },
    /** How many more of `remaining` are needed. */
    needed: count,
    /** Seconds until a partial unlock is forgotten. */
    seconds: count,
  },
  required: ['state'],
  additionalProperties: false,
} as const;

/** What daemon-secrets answers. */
export const secretsRequests = {
  'secrets-status': {
    answeredBy: 'daemon-secrets',
    level: 'open',
    attachment: false,
    body: nothing,
    reply: {
      type: 'object',
      properties: {
        daemon: daemonHealth,
        vaults: {
          type: 'array',
          maxItems: 256,
          items: {
            type: 'object',
            properties: {
              profile: profileName,
              state: { enum: ['locked', 'partial', 'unlocked', 'damaged'] },
              open: flag,
              problem: text(1024),
              enforcement: { enum: ['cryptography', 'daemon'] },
            },
            required: ['profile', 'state', 'open'],
            additionalProperties: false,
          },
        },
      },
      required: ['daemon', 'vaults'],
      additionalProperties: false,
    },
  },
  'vault-init': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    body: {
      type: 'object',
      properties: {
        profile: profileName,
        evidence,
        /** Without it: as the configuration has it for the profile. */
        policy: authPolicy,
        recovery_key: flag,
        /** As `ssh-challenge` gave it, where an ssh key is among the factors. */
        salt: hex(16),
      },
      required: ['profile', 'evidence', 'recovery_key'],
      additionalProperties: false,
    },
    /** The attachment is the recovery key as text, when one was asked for. */
    reply: {
      type: 'object',
      properties: { factors: { type: 'array', maxItems: 8, items: text(32) }, policy: authPolicy },
      required: ['factors', 'policy'],
      additionalProperties: false,
    },
  },
  'vault-unlock': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    body: {
      type: 'object',
      properties: { profile: profileName, evidence },
      required: ['profile', 'evidence'],
      additionalProperties: false,
    },
    reply: unlockResult,
  },
  'vault-lock': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: false,
    /** Without a profile: all. */
    body: { type: 'object', properties: { profile: profileName }, additionalProperties: false },
    reply: {
      type: 'object',
      properties: { locked: { type: 'array', maxItems: 256, items: profileName } },
      required: ['locked'],
      additionalProperties: false,
    },
  },
  'vault-rekey': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    body: {
      type: 'object',
      properties: { profile: profileName, evidence, recovery_key: flag },
      required: ['profile', 'evidence', 'recovery_key'],
      additionalProperties: false,
    },
    /** The attachment is the new recovery key as text, when one was asked for. */
    reply: {
      type: 'object',
      properties: {
        kept: { type: 'array', maxItems: 8, items: text(32) },
        dropped: { type: 'array', maxItems: 8, items: text(32) },
        entries: count,
      },
      required: ['kept', 'dropped', 'entries'],
      additionalProperties: false,
    },
  },
  'vault-check': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: {
      type: 'object',
      properties: { entries: count, damaged: { type: 'array', maxItems: 64, items: secretName } },
      required: ['entries', 'damaged'],
      additionalProperties: false,
    },
  },
  'secret-get': { answeredBy: 'daemon-secrets', level: 'profile-scoped', attachment: false, body: named, reply: nothing },
  'secret-set': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    body: named,
    reply: { type: 'object', properties: { created: flag }, required: ['created'], additionalProperties: false },
  },
  'secret-delete': { answeredBy: 'daemon-secrets', level: 'secrets-only', attachment: false, body: named, reply: nothing },
  'secret-list': {
    answeredBy: 'daemon-secrets',
    level: 'profile-scoped',
    attachment: false,
    body: {
      type: 'object',
      properties: {
        profile: profileName,
        prefix: secretName,
        after: secretName,
        limit: { type: 'integer', minimum: 1, maximum: 256 },
      },
      required: ['profile', 'limit'],
      additionalProperties: false,
    },
    reply: {
      type: 'object',
      properties: {
        entries: {
          type: 'array',
          maxItems: 256,
          items: {
            type: 'object',
            properties: { name: secretName, created_at: { type: 'integer' }, updated_at: { type: 'integer' } },
            required: ['name', 'created_at', 'updated_at'],
            additionalProperties: false,
          },
        },
        /** Ask again with this as `after`; absent at the end. */
        next: secretName,
      },
      required: ['entries'],
      additionalProperties: false,
    },
  },
  'secret-environment': {
    answeredBy: 'daemon-secrets',
    level: 'profile-scoped',
    attachment: false,
    body: {
      type: 'object',
      properties: {
        profiles: { type: 'array', minItems: 1, maxItems: 16, items: profileName },
        /** Where the page before ended. */
        after: {
          type: 'object',
          properties: { profile: profileName, name: secretName },
          required: ['profile', 'name'],
          additionalProperties: false,
        },
      },
      required: ['profiles'],
      additionalProperties: false,
    },
    /** The attachment holds the values one after the other, in the order of `entries`. */
    reply: {
      type: 'object',
      properties: {
        entries: {
          type: 'array',
          maxItems: 512,
          items: {
            type: 'object',
            properties: { profile: profileName, name: secretName, length: { type: 'integer', minimum: 0, maximum: 65_536 } },
            required: ['profile', 'name', 'length'],
            additionalProperties: false,
          },
        },
        next: {
          type: 'object',
          properties: { profile: profileName, name: secretName },
          required: ['profile', 'name'],
          additionalProperties: false,
        },
      },
      required: ['entries'],
      additionalProperties: false,
    },
  },
  'factor-list': {
    answeredBy: 'daemon-secrets',
    level: 'internal',
    attachment: false,
    body: profileOnly,
    reply: {
      type: 'object',
      properties: {
        policy: authPolicy,
        factors: {
          type: 'array',
          maxItems: 8,
          items: {
            type: 'object',
            properties: { factor: text(32), label: text(256), enrolled_at: { type: 'integer' }, counts: flag },
            required: ['factor', 'label', 'enrolled_at', 'counts'],
            additionalProperties: false,
          },
        },
      },
      required: ['policy', 'factors'],
      additionalProperties: false,
    },
  },
  /** What an ssh agent is to sign for a profile; nothing of it is secret. */
  'ssh-challenge': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: {
      type: 'object',
      properties: {
        challenge: hex(32),
        /** Only for a profile without a vault, for `vault-init`. */
        salt: hex(16),
        /** Of the key that is enrolled. */
        fingerprint: text(64),
      },
      required: ['challenge'],
      additionalProperties: false,
    },
  },
  'factor-add': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    /** `factor` is the new one; `evidence` holds its evidence and, in `all` mode, that of every enrolled factor. */
    body: {
      type: 'object',
      properties: { profile: profileName, factor: text(32), evidence },
      required: ['profile', 'factor', 'evidence'],
      additionalProperties: false,
    },
    /** The attachment is the recovery key as text when `factor` is `recovery`. */
    reply: nothing,
  },
  'factor-replace': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    /** `evidence` holds the new evidence of `factor` and, in `all` mode, that of every other factor. */
    body: {
      type: 'object',
      properties: { profile: profileName, factor: text(32), evidence },
      required: ['profile', 'factor', 'evidence'],
      additionalProperties: false,
    },
    /** The attachment is the new recovery key as text when `factor` is `recovery`. */
    reply: nothing,
  },
  'factor-remove': {
    answeredBy: 'daemon-secrets',
    level: 'secrets-only',
    attachment: true,
    /** In `all` mode the evidence of every factor that stays is needed. */
    body: {
      type: 'object',
      properties: { profile: profileName, factor: text(32), evidence },
      required: ['profile', 'factor', 'evidence'],
      additionalProperties: false,
    },
    reply: nothing,
  },
} as const satisfies Record<string, RequestDefinition>;
