// SPDX-License-Identifier: MIT

/** What the configuration says about the bus. */
export interface BusLimits {
  /** Messages that may wait for one connection. */
  readonly channelCapacity: number;
  /** How long a connection may stay full before it is closed. */
  readonly slowSubscriberTimeoutMs: number;
  /** Requests of one client in the long run. */
  readonly ratePerSecond: number;
  /** Requests of one client at once. */
  readonly rateBurst: number;
  /** How long a replaced key is still accepted. */
  readonly graceSeconds: number;
}

/** Connections that have not finished their handshake. */
export const mostUnfinishedHandshakes = 64;

/** Connections of unregistered clients; daemons are never turned away for the number of others. */
export const mostConnections = 256;

/** Of those, connections of one uid. */
export const mostConnectionsOfOneUid = 128;

/** Connections that are being closed with an error and are kept so that it arrives. */
export const mostFarewells = 64;

/** Refused connections that are kept for a moment so that the refusal arrives. */
export const mostLingering = 32;

/** Requests of one connection that are not answered yet; beyond, its next ones wait in the kernel. */
export const mostPendingRequests = 32;

/**
 * Bytes of attachments in requests that are not answered yet. Whoever answers holds them in locked memory, of which a device may have
 * no more than 8 MB: beyond the first limit a connection's next requests wait in the kernel, beyond the others they are refused.
 */
export const attachmentsPauseAt = 262_144;
export const mostAttachedOfOneClient = 1_048_576;
export const mostAttached = 3_145_728;

/** Bytes that may wait for one connection before it counts as full. */
export const longestQueue = 1_048_576;

/** The same for a daemon, for whom the requests of all clients wait. */
export const longestDaemonQueue = 4_194_304;

/** Bytes that wait for a connection beyond which its requests are not read any more. */
export const readingPausesAt = 262_144;

/** Bytes of frames in arrival, and bytes that wait to be read, each over all connections. */
export const mostBytesHeld = 4_194_304;
export const mostBytesWaiting = 6_291_456;
