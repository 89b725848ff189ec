// SPDX-License-Identifier: MIT
import type { ErrorCode } from '../core/catalogue.ts';
import type { PeerCredentials } from '../linux/peer.ts';
import type { Sender } from './handler.ts';

/** Told what happens on the bus, for the audit chain; the bus itself does not know of one. */
export interface BusObserver {
  /** @param name `bus` or the name of a daemon */
  keyRotationStarted?(name: string, generation: number): void;
  keyRotationCompleted?(name: string, generation: number): void;
  keyRevoked?(name: string, reason: string, generation: number): void;
  /** A registered daemon is there and answers requests. */
  daemonConnected?(name: string): void;
  daemonDisconnected?(name: string): void;
  /** A uid that matches no client was turned away. Told for every attempt. */
  clientRefused?(peer: PeerCredentials): void;
  /** A request was refused before it reached its handler: clearance-too-low or rate-limited. Told for every request. */
  requestDenied?(sender: Sender, kind: string, code: ErrorCode): void;
}
