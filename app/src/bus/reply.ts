// SPDX-License-Identifier: MIT
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import type { Answer } from './answer.ts';
import type { ReplyBody, RequestKind } from './messages.ts';
import { decodeReplyBody } from './validation.ts';
import { decodeError } from './wire-error.ts';

export interface Reply<Kind extends RequestKind> {
  readonly body: ReplyBody<Kind>;
  /** Released by the caller. */
  readonly attachment: SecretBytes | undefined;
}

/**
 * The reply that an answer is, its attachment moved to secret memory.
 * @throws SesameError message-invalid, secret-memory-exhausted, or the error that the answer is
 */
export function readReply<Kind extends RequestKind>(memory: SecretMemory, kind: Kind, answer: Answer): Reply<Kind> {
  if (answer.type === 'error') throw decodeError(answer.body);
  const body = decodeReplyBody(kind, answer.body);
  return { body, attachment: answer.attachment === undefined ? undefined : memory.take(answer.attachment) };
}
