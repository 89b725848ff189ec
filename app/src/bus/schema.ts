// SPDX-License-Identifier: MIT
import type { FromSchema, JSONSchema } from 'json-schema-to-ts';

/** Building blocks of message bodies. Every object is closed and every string and array is bounded. */
export const text = (longest: number) => ({ type: 'string', maxLength: longest }) as const;
export const count = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
export const flag = { type: 'boolean' } as const;
/** Public bytes as text. */
export const hex = (bytes: number) => ({ type: 'string', maxLength: 2 * bytes, pattern: `^[0-9a-f]{${2 * bytes}}$` }) as const;
export const profileName = { type: 'string', maxLength: 64, pattern: '^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$' } as const;
/** A foreign name that breaks our rules stays readable, so only its length is bounded here. */
export const secretName = text(1024);
export const nothing = { type: 'object', properties: {}, additionalProperties: false } as const;

export const profileOnly = {
  type: 'object',
  properties: { profile: profileName },
  required: ['profile'],
  additionalProperties: false,
} as const;

export const named = {
  type: 'object',
  properties: { profile: profileName, name: secretName },
  required: ['profile', 'name'],
  additionalProperties: false,
} as const;

/** The evidence parts in the attachment, in this order: `attachment = part 1 || part 2 …`. */
export const evidence = {
  type: 'array',
  maxItems: 8,
  items: {
    type: 'object',
    properties: { factor: text(32), length: { type: 'integer', minimum: 0, maximum: 65_536 } },
    required: ['factor', 'length'],
    additionalProperties: false,
  },
} as const;

export const authPolicy = {
  anyOf: [
    { enum: ['any', 'all'] },
    {
      type: 'object',
      properties: {
        policy: {
          type: 'object',
          properties: {
            required: { type: 'array', maxItems: 8, items: text(32) },
            additional_required: { type: 'integer', minimum: 0, maximum: 8 },
          },
          required: ['required', 'additional_required'],
          additionalProperties: false,
        },
      },
      required: ['policy'],
      additionalProperties: false,
    },
  ],
} as const;

export const secretMemory = {
  type: 'object',
  properties: {
    protection: { enum: ['memfd_secret', 'mlock'] },
    cause: text(1024),
    remedy: text(1024),
    pages_in_use: count,
    pages_pooled: count,
    /** Bytes; absent when unlimited. */
    lock_limit: count,
  },
  required: ['protection', 'pages_in_use', 'pages_pooled'],
  additionalProperties: false,
} as const;

const enforcement = {
  type: 'object',
  properties: {
    state: { enum: ['enforced', 'missing', 'off'] },
    /** Of Landlock. */
    abi: count,
    cause: text(1024),
    remedy: text(1024),
  },
  required: ['state'],
  additionalProperties: false,
} as const;

export const daemonHealth = {
  type: 'object',
  properties: {
    name: text(64),
    version: text(32),
    pid: count,
    uptime_ms: count,
    secret_memory: secretMemory,
    dumpable: flag,
    sandbox: {
      type: 'object',
      properties: { landlock: enforcement, seccomp: enforcement },
      required: ['landlock', 'seccomp'],
      additionalProperties: false,
    },
    /** Configuration in force, or the diagnostics of a newer file that was refused. */
    configuration_problems: { type: 'array', maxItems: 32, items: text(1024) },
  },
  required: ['name', 'version', 'pid', 'uptime_ms', 'secret_memory', 'dumpable', 'configuration_problems'],
  additionalProperties: false,
} as const;

export type Of<Schema extends JSONSchema> = FromSchema<Schema>;
