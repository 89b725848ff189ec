// SPDX-License-Identifier: MIT
import { clears } from '../core/clearance.ts';
import type { Logger } from '../core/log.ts';
import type { Connection } from './connection.ts';
import type { Header } from './envelope.ts';
import { largest, mostDemanding } from './fairness.ts';
import { mostBytesHeld, mostBytesWaiting, mostConnections, mostConnectionsOfOneUid, mostFarewells } from './limits.ts';
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

  /**
   * Who has to go so that this one has a place: nobody, the oldest connection on which nothing goes on of the process that has most of
   * the places, or the newcomer itself when its own process has as many. So a program that forgets its connections does not shut out
   * the others that run as the same user.
   */
  inTheWayOf(newcomer: Connection): Connection | undefined {
    const clients = [...this.#all].filter((each) => each !== newcomer && each.identity.registered === undefined && !each.ended);
    const ofUser = clients.filter(({ uid }) => uid === newcomer.uid);
    const userIsFull = ofUser.length >= mostConnectionsOfOneUid;
    if (!userIsFull && clients.length < mostConnections) return undefined;
    const processes = Map.groupBy(userIsFull ? ofUser : clients, processOf);
    const greediest = largest([...processes.values()], ({ length }) => length) ?? [];
    const own = processes.get(processOf(newcomer))?.length ?? 0;
    if (greediest.length <= own + 1) return newcomer;
    return greediest.find(({ idle }) => idle) ?? newcomer;
  }

  /** Adds one, and cuts short the farewell of the oldest of those that are being closed when they are too many. */
  add(connection: Connection): void {
    const farewells = [...this.#all].filter(({ ended }) => ended);
    for (const each of farewells.slice(0, Math.max(0, farewells.length - mostFarewells))) each.destroy();
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

function processOf({ uid, origin }: Connection): string {
  return `${uid} ${origin.pid}`;
}
