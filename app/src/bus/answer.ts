// SPDX-License-Identifier: MIT
import { asSesameError, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { encodeCbor } from './cbor.ts';
import type { Envelope } from './envelope.ts';
import type { Handlers, Outgoing, Sender } from './handler.ts';
import type { RequestKind } from './messages.ts';
import { decodeRequestBody } from './validation.ts';
import { encodeError } from './wire-error.ts';

/** What goes back to the requester: the body is CBOR already. */
export interface Answer {
  readonly type: 'reply' | 'error';
  readonly body: Uint8Array;
  readonly attachment: Uint8Array | undefined;
}

export interface AnswerOptions {
  readonly memory: SecretMemory;
  readonly logger: Logger;
  readonly handlers: Handlers;
}

/**
 * Answers one request with the handler of its kind. The attachment is in secret memory before this returns its promise, so
 * that the caller may wipe the frame; both attachments are released when the answer is given.
 * @param respond called exactly once unless it throws; if it throws for a reply, it is called again with the error
 */
export async function answerRequest<Kind extends RequestKind>(
  kind: Kind,
  { header, attachment }: Envelope,
  sender: Sender,
  { memory, logger, handlers }: AnswerOptions,
  respond: (answer: Answer) => void,
): Promise<void> {
  let received: SecretBytes | undefined;
  let outgoing: Outgoing<Kind> | undefined;
  try {
    const handler = handlers[kind];
    if (handler === undefined) throw SesameError.of('message-unknown', { kind });
    const body = decodeRequestBody(kind, header.body);
    received = attachment === undefined ? undefined : memory.take(attachment);
    outgoing = await handler({ body, attachment: received, sender });
    respond({ type: 'reply', body: encodeCbor(outgoing.body), attachment: outgoing.attachment?.bytes });
  } catch (thrown) {
    const error = asSesameError(thrown, kind);
    if (error.code === 'unexpected') logger.error('a request failed unexpectedly', { kind, cause: error.message });
    respond(errorAnswer(error));
  } finally {
    received?.release();
    outgoing?.attachment?.release();
  }
}

export function errorAnswer(error: SesameError): Answer {
  return { type: 'error', body: encodeError(error), attachment: undefined };
}
