// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';
import { approvalRequests } from './approval-messages.ts';
import { profileRequests } from './profile-messages.ts';
import { count, flag, type Of, profileName, text } from './schema.ts';
import { secretsRequests } from './secrets-messages.ts';
import { tpmRequests } from './tpm-messages.ts';

export type { Answerer } from './request-definition.ts';

/**
 * Every request on the bus, with the schema of its body and of its reply. Secret bytes are never in a body: they travel as
 * the attachment.
 */
export const requests = { ...profileRequests, ...secretsRequests, ...tpmRequests, ...approvalRequests } as const;

export type RequestKind = keyof typeof requests;

// As interfaces, so that the compiler works each body out once and looks it up by name; generic code would otherwise be too deep for it.
interface RequestBodies extends Bodies<'body'> {}
interface ReplyBodies extends Bodies<'reply'> {}
type Bodies<Part extends 'body' | 'reply'> = { [Kind in RequestKind]: Of<(typeof requests)[Kind][Part]> };

export type RequestBody<Kind extends RequestKind> = RequestBodies[Kind];
export type ReplyBody<Kind extends RequestKind> = ReplyBodies[Kind];

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

interface EventBodies extends AllEventBodies {}
type AllEventBodies = { [Kind in EventKind]: Of<(typeof events)[Kind]['body']> };
export type EventBody<Kind extends EventKind> = EventBodies[Kind];
