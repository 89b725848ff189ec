// SPDX-License-Identifier: MIT
import type { SecurityLevel } from '../core/clearance.ts';
import type { SecretBytes } from '../memory/secret-bytes.ts';
import type { ReplyBody, RequestBody, RequestKind } from './messages.ts';

/** Who sent a request, as the server established it; nothing of it comes from the client's own claims. */
export interface Sender {
  /** The sender id of the connection, a UUID; a client that changes it is refused. */
  readonly id: string;
  /** The name of the registered key, or of the matching `[clients.NAME]`; undefined for an unregistered client. */
  readonly name: string | undefined;
  readonly clearance: SecurityLevel;
  readonly uid: number;
  readonly pid: number;
}

export interface Incoming<Kind extends RequestKind> {
  readonly body: RequestBody<Kind>;
  /** Released by the bus when the handler has settled. */
  readonly attachment: SecretBytes | undefined;
  readonly sender: Sender;
}

export interface Outgoing<Kind extends RequestKind> {
  readonly body: ReplyBody<Kind>;
  /** Released by the bus once it is sent. */
  readonly attachment?: SecretBytes;
}

export type Handler<Kind extends RequestKind> = (request: Incoming<Kind>) => Promise<Outgoing<Kind>>;

export type Handlers = { readonly [Kind in RequestKind]?: Handler<Kind> };
