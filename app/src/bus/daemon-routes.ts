// SPDX-License-Identifier: MIT
import type { Connection } from './connection.ts';
import type { BusObserver } from './observer.ts';
import { Relay } from './relay.ts';

/** Which connection leads to which daemon. While a daemon changes its key it has two: new requests take the newer one. */
export class DaemonRoutes {
  readonly #observer: BusObserver;
  /** Oldest first. */
  readonly #relays = new Map<Connection, Relay>();

  constructor(observer: BusObserver) {
    this.#observer = observer;
  }

  to(daemon: string): Relay | undefined {
    return this.#of(daemon).at(-1);
  }

  over(connection: Connection): Relay | undefined {
    return this.#relays.get(connection);
  }

  add(connection: Connection): void {
    const { registered } = connection.identity;
    if (registered === undefined) return;
    const isNew = this.#of(registered.name).length === 0;
    this.#relays.set(connection, new Relay(connection, registered.name));
    if (isNew) this.#observer.daemonConnected?.(registered.name);
  }

  /** What was under way over this connection fails. */
  remove(connection: Connection): void {
    const relay = this.#relays.get(connection);
    if (relay === undefined) return;
    this.#relays.delete(connection);
    relay.fail();
    if (this.#of(relay.daemon).length === 0) this.#observer.daemonDisconnected?.(relay.daemon);
  }

  #of(daemon: string): Relay[] {
    return [...this.#relays.values()].filter((relay) => relay.daemon === daemon);
  }
}
