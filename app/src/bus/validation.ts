// SPDX-License-Identifier: MIT
import { SesameError } from '../core/errors.ts';
import { decodeCbor } from './cbor.ts';
import { eventTable, requestTable } from './message-table.generated.js';
import type { EventBody, EventKind, ReplyBody, RequestBody, RequestKind } from './messages.ts';
import { eventValidators, replyValidators, requestValidators, type Validator } from './validators.generated.js';

const longestReason = 200;

export function isRequestKind(kind: string): kind is RequestKind {
  return Object.hasOwn(requestTable, kind);
}

export function isEventKind(kind: string): kind is EventKind {
  return Object.hasOwn(eventTable, kind);
}

/** @throws SesameError message-invalid */
export function decodeRequestBody<Kind extends RequestKind>(kind: Kind, encoded: Uint8Array): RequestBody<Kind> {
  const body = decodeCbor(encoded);
  if (!isRequestBody(kind, body)) throw invalid(kind, validator(requestValidators, kind));
  return body;
}

/** @throws SesameError message-invalid */
export function decodeReplyBody<Kind extends RequestKind>(kind: Kind, encoded: Uint8Array): ReplyBody<Kind> {
  const body = decodeCbor(encoded);
  if (!isReplyBody(kind, body)) throw invalid(kind, validator(replyValidators, kind));
  return body;
}

/** @throws SesameError message-invalid */
export function decodeEventBody<Kind extends EventKind>(kind: Kind, encoded: Uint8Array): EventBody<Kind> {
  const body = decodeCbor(encoded);
  if (!isEventBody(kind, body)) throw invalid(kind, validator(eventValidators, kind));
  return body;
}

function isRequestBody<Kind extends RequestKind>(kind: Kind, body: unknown): body is RequestBody<Kind> {
  return validator(requestValidators, kind)(body);
}

function isReplyBody<Kind extends RequestKind>(kind: Kind, body: unknown): body is ReplyBody<Kind> {
  return validator(replyValidators, kind)(body);
}

function isEventBody<Kind extends EventKind>(kind: Kind, body: unknown): body is EventBody<Kind> {
  return validator(eventValidators, kind)(body);
}

function validator(table: Readonly<Record<string, Validator>>, kind: string): Validator {
  const found = table[kind];
  // Without this a message would pass unchecked: the compiled file is older than the catalogue.
  if (found === undefined) throw SesameError.of('unexpected', { where: 'bus', cause: `no validator for ${kind}` });
  return found;
}

function invalid(kind: string, { errors }: Validator): SesameError {
  const first = errors?.[0];
  const reason = `${first?.instancePath || 'body'} ${first?.message ?? 'does not fit'}`;
  return SesameError.of('message-invalid', { kind, reason: reason.slice(0, longestReason) });
}
