// SPDX-License-Identifier: MIT
import { clears } from '../core/clearance.ts';
import type { Logger } from '../core/log.ts';
import type { Connection } from './connection.ts';
import type { Header } from './envelope.ts';
import { mostDemanding } from './fairness.ts';
import { mostBytesHeld, mostBytesWaiting, mostConnections, mostConnectionsOfOneUid } from './limits.ts';
import type { EventKind } from './messages.ts';

/** The admitted connections, oldest first, and what they may take together. */
export class Connections {
  readonly #all = new Set<Connection>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get size(): number {
    return this.#all.size;
  }

  get pending(): number {
    return this.#sum(({ pending }) => pending);
  }

  /** The names of registered daemons. */
  get daemons(): string[] {
    const names = [...this.#all].flatMap(({ identity }) => (identity.registered === undefined ? [] : [identity.registered.name]));
    return [...new Set(names)];
  }

  /** Whether there is room for one more of this uid. */
  hasRoom(uid: number): boolean {
    const clients = [...this.#all].filter(({ identity }) => identity.registered === undefined);
    return clients.length < mostConnections && clients.filter((client) => client.uid === uid).length < mostConnectionsOfOneUid;
  }

  add(connection: Connection): void {
    this.#all.add(connection);
  }

  remove(connection: Connection): void {
    this.#all.delete(connection);
  }

  [Symbol.iterator](): Iterator<Connection> {
    return [...this.#all][Symbol.iterator]();
  }

  /** Sends a broadcast to those who asked for it and are cleared for it. */
  broadcast(kind: EventKind, header: Header): void {
    for (const connection of this) {
      if (connection.subscriptions.has(kind) && clears(connection.identity.clearance, header.level)) connection.publish(header);
    }
  }

  /** Keeps the bytes in arrival and in queues within what the daemon can hold. Called when a connection has grown. */
  relieve(): void {
    this.#relieve('bytes of unfinished messages', mostBytesHeld, ({ held }) => held);
    this.#relieve('bytes that are not read', mostBytesWaiting, ({ waitingBytes }) => waitingBytes);
  }

  #relieve(what: string, limit: number, weightOf: (connection: Connection) => number): void {
    if (this.#sum(weightOf) <= limit) return;
    const victim = mostDemanding(this.#all, weightOf);
    if (victim === undefined) return;
    this.#logger.warn('a connection is closed because it holds too much', {
      client: victim.label,
      pid: victim.origin.pid,
      what,
      bytes: weightOf(victim),
    });
    victim.destroy();
  }

  #sum(weightOf: (connection: Connection) => number): number {
    let total = 0;
    for (const connection of this.#all) total += weightOf(connection);
    return total;
  }
}
