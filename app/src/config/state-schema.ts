// SPDX-License-Identifier: MIT
import type { FromSchema } from 'json-schema-to-ts';
import { profilePattern } from './schema.ts';

const uuid = { type: 'string', pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' } as const;

/** installation.toml. Keys that this version does not know are allowed, and kept on rewrite. */
export const installationSchema = {
  type: 'object',
  properties: {
    id: uuid,
    namespace: uuid,
    org: {
      type: 'object',
      properties: { domain: { type: 'string', minLength: 1, maxLength: 253 }, namespace: uuid },
      required: ['domain', 'namespace'],
    },
    machine_binding: {
      type: 'object',
      properties: {
        binding_hash: { type: 'string', pattern: '^[0-9a-fA-F]{64}$' },
        binding_type: { type: 'string', minLength: 1, maxLength: 64 },
        /** Ours: whose sealed key the hash is of, with `tpm-bound`. */
        profile: { type: 'string', pattern: profilePattern },
      },
      required: ['binding_hash', 'binding_type'],
    },
  },
  required: ['id', 'namespace'],
} as const;

/** profiles.json: which profiles are active, and the default where a person chose one. */
export const profileStateSchema = {
  type: 'object',
  properties: {
    active: { type: 'array', maxItems: 256, uniqueItems: true, items: { type: 'string', pattern: profilePattern } },
    default: { type: 'string', pattern: profilePattern },
  },
  required: ['active'],
} as const;

export type InstallationFile = FromSchema<typeof installationSchema>;
export type ProfileStateFile = FromSchema<typeof profileStateSchema>;
