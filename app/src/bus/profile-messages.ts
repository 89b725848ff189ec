// SPDX-License-Identifier: MIT
import type { RequestDefinition } from './request-definition.ts';
import { count, daemonHealth, flag, nothing, profileName, profileOnly, secretName, text } from './schema.ts';

const auditEntry = {
  type: 'object',
  properties: {
    action: text(64),
    profile: profileName,
    key: { anyOf: [secretName, { type: 'null' }] },
    requester: text(64),
    requester_name: { anyOf: [text(64), { type: 'null' }] },
    requester_uid: count,
    outcome: text(64),
    /** How many equal refusals this entry stands for. */
    repeated: count,
  },
  required: ['action', 'profile', 'key', 'requester', 'requester_name', 'requester_uid', 'outcome'],
  additionalProperties: false,
} as const;

/** What daemon-profile answers. */
export const profileRequests = {
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
        /** Absent when the installation is bound to no machine. */
        machine_binding: {
          type: 'object',
          properties: { type: text(64), state: { enum: ['matches', 'differs', 'unverified'] } },
          required: ['type', 'state'],
          additionalProperties: false,
        },
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
      /** Whether the identity, and the rules of the profile, are new. */
      properties: { id: text(64), created: flag, rules_added: flag },
      required: ['id', 'created', 'rules_added'],
      additionalProperties: false,
    },
  },
  /** Takes back the rules of a profile that got no vault after all. */
  'rules-discard': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: profileOnly,
    reply: nothing,
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
  /** From daemon-secrets alone: entries for the audit chain, in their order. */
  'audit-append': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: {
      type: 'object',
      properties: {
        entries: { type: 'array', minItems: 1, maxItems: 64, items: auditEntry },
        /** True: the reply comes after the entries are on disk. False: they join the next group. */
        durable: flag,
      },
      required: ['entries', 'durable'],
      additionalProperties: false,
    },
    reply: nothing,
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
  /** From daemon-secrets alone: the hash over a key that the TPM has sealed or unsealed, which identifies this machine. */
  'machine-binding': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: {
      type: 'object',
      properties: {
        profile: profileName,
        binding_hash: { type: 'string', pattern: '^[0-9a-f]{64}$', maxLength: 64 },
        /** The key is new: what was bound to the one before is bound to this one. */
        renewed: flag,
      },
      required: ['profile', 'binding_hash', 'renewed'],
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
  /** The last entry on the disk, and what became of an earlier one. */
  'audit-standing': {
    answeredBy: 'daemon-profile',
    level: 'internal',
    attachment: false,
    body: { type: 'object', properties: { earlier: count }, required: ['earlier'], additionalProperties: false },
    /** Hashes are BLAKE3 of the line; that of the earlier one is empty where the chain leaves it out, and absent when its file was dropped. */
    reply: {
      type: 'object',
      properties: { sequence: count, hash: text(64), earlier_hash: text(64) },
      required: ['sequence', 'hash'],
      additionalProperties: false,
    },
  },
  /** Somebody has looked into the gaps of the chain so far. */
  'audit-acknowledge': {
    answeredBy: 'daemon-profile',
    level: 'secrets-only',
    attachment: false,
    body: nothing,
    reply: { type: 'object', properties: { sequence: count }, required: ['sequence'], additionalProperties: false },
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
  /** Answered by the bus itself: the broadcasts that this connection wants from now on. */
  'bus-subscribe': {
    answeredBy: 'daemon-profile',
    level: 'open',
    attachment: false,
    body: {
      type: 'object',
      properties: { kinds: { type: 'array', maxItems: 16, items: text(64) } },
      required: ['kinds'],
      additionalProperties: false,
    },
    reply: nothing,
  },
} as const satisfies Record<string, RequestDefinition>;
