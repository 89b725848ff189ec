// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';
import { authPolicy, count, daemonHealth, evidence, flag, nothing, type Of, profileName, secretName, text } from './schema.ts';

/** Which daemon answers a request. */
export type Answerer = 'daemon-profile' | 'daemon-secrets';

interface RequestDefinition {
  readonly answeredBy: Answerer;
  /** The clearance that a sender needs. */
  readonly level: SecurityLevel;
  /** Whether the request may carry secret bytes. */
  readonly attachment: boolean;
  readonly body: object;
  readonly reply: object;
}

const profileOnly = {
  type: 'object',
  properties: { profile: profileName },
  required: ['profile'],
  additionalProperties: false,
} as const;

const named = {
  type: 'object',
  properties: { profile: profileName, name: secretName },
  required: ['profile', 'name'],
  additionalProperties: false,
} as const;

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

/**
 * Every request on the bus, with the schema of its body and of its reply. Secret bytes are never in a body: they travel as
 * the attachment.
 */
export const requests = {
  // daemon-profile
  'profile-status': {
    answeredBy: 'daemon-profile',
    level: 'open',
    attachment: false,
    body: nothing,
    reply: {
      type: 'object',
      properties: {
        daemon: daemonHealth,
        installation: text(64),
        default_profile: text(64),
        connected: { type: 'array', maxItems: 32, items: text(64) },
        connections: count,
        audit: {
          type: 'object',
          properties: { sequence: count, attestation: { enum: ['self-attested', 'sealed'] }, problem: text(1024) },
          required: ['sequence', 'attestation'],
          additionalProperties: false,
        },
      },
      required: ['daemon', 'default_profile', 'connected', 'connections', 'audit'],
      additionalProperties: false,
    },
  },
  'installation-init': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: {
      type: 'object',
      properties: { id: text(64), created: flag },
      required: ['id', 'created'],
      additionalProperties: false,
    },
  },
  'profile-list': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: nothing,
    reply: {
      type: 'object',
      properties: {
        profiles: {
          type: 'array',
          maxItems: 256,
          items: {
            type: 'object',
            properties: { name: profileName, id: text(64), active: flag, default: flag, configured: flag },
            required: ['name', 'id', 'active', 'default', 'configured'],
            additionalProperties: false,
          },
        },
      },
      required: ['profiles'],
      additionalProperties: false,
    },
  },
  'profile-activate': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: nothing,
  },
  'profile-deactivate': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: nothing,
  },
  'profile-default': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: nothing,
  },
  'audit-append': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: {
      type: 'object',
      properties: {
        action: text(64),
        profile: profileName,
        key: { anyOf: [secretName, { type: 'null' }] },
        requester: text(64),
        requester_name: { anyOf: [text(64), { type: 'null' }] },
        outcome: text(64),
        /** True: the reply comes after the entry is on disk. False: the entry joins the next group. */
        durable: flag,
        /** How many equal denials this entry stands for. */
        repeated: count,
      },
      required: ['action', 'profile', 'key', 'requester', 'requester_name', 'outcome', 'durable'],
      additionalProperties: false,
    },
    reply: { type: 'object', properties: { sequence: count }, required: ['sequence'], additionalProperties: false },
  },
  /** From daemon-secrets alone: what became of a vault, so that its profile is known and the change is broadcast. */
  'vault-report': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: {
      type: 'object',
      properties: { profile: profileName, state: { enum: ['locked', 'partial', 'unlocked'] } },
      required: ['profile', 'state'],
      additionalProperties: false,
    },
    reply: nothing,
  },
  'audit-tail': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: {
      type: 'object',
      properties: { entries: { type: 'integer', minimum: 1, maximum: 200 }, after: count },
      required: ['entries'],
      additionalProperties: false,
    },
    /** Lines as they stand in the file. */
    reply: {
      type: 'object',
      properties: { lines: { type: 'array', maxItems: 200, items: text(8192) } },
      required: ['lines'],
      additionalProperties: false,
    },
  },
  'audit-verify': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: nothing,
    reply: {
      type: 'object',
      properties: {
        path: text(4096),
        entries: count,
        first: count,
        last: count,
        hash: { enum: ['blake3', 'sha256'] },
        head: { enum: ['absent', 'matches', 'behind'] },
        attestation: { enum: ['self-attested', 'sealed'] },
      },
      required: ['path', 'entries', 'first', 'last', 'hash', 'head', 'attestation'],
      additionalProperties: false,
    },
  },
  'key-rotate': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    /** `bus` or the name of a registered daemon. */
    body: { type: 'object', properties: { name: text(64) }, required: ['name'], additionalProperties: false },
    reply: {
      type: 'object',
      properties: { name: text(64), generation: count, grace_seconds: count },
      required: ['name', 'generation', 'grace_seconds'],
      additionalProperties: false,
    },
  },

  // daemon-secrets
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
      properties: { profile: profileName, evidence, policy: authPolicy, recovery_key: flag },
      required: ['profile', 'evidence', 'policy', 'recovery_key'],
      additionalProperties: false,
    },
    /** The attachment is the recovery key as text, when one was asked for. */
    reply: {
      type: 'object',
      properties: { factors: { type: 'array', maxItems: 8, items: text(32) } },
      required: ['factors'],
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

export type RequestKind = keyof typeof requests;
export type RequestBody<Kind extends RequestKind> = Of<(typeof requests)[Kind]['body']>;
export type ReplyBody<Kind extends RequestKind> = Of<(typeof requests)[Kind]['reply']>;

/** Broadcasts. A subscriber below the level does not get them. */
export const events = {
  'vault-changed': {
    level: 'internal',
    body: {
      type: 'object',
      properties: { profile: profileName, state: { enum: ['locked', 'partial', 'unlocked'] } },
      required: ['profile', 'state'],
      additionalProperties: false,
    },
  },
  'profile-changed': {
    level: 'internal',
    body: {
      type: 'object',
      properties: { profile: profileName, active: flag },
      required: ['profile', 'active'],
      additionalProperties: false,
    },
  },
  'key-rotation': {
    level: 'internal',
    body: {
      type: 'object',
      properties: { name: text(64), generation: count, grace_seconds: count },
      required: ['name', 'generation', 'grace_seconds'],
      additionalProperties: false,
    },
  },
} as const satisfies Record<string, { readonly level: SecurityLevel; readonly body: object }>;

export type EventKind = keyof typeof events;
export type EventBody<Kind extends EventKind> = Of<(typeof events)[Kind]['body']>;
