// SPDX-License-Identifier: MIT
import { assert, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { SecretMemory } from '../memory/secret-bytes.ts';
import { busPaths, KeyFiles, type KeyPair } from './keys.ts';
import type { BusObserver } from './observer.ts';
import { KeyRegistry, type RegisteredKey } from './registry.ts';

/** What `key-rotate` answers. */
export interface RotationStarted {
  readonly name: string;
  /** The generation that the new key has or will have. */
  readonly generation: number;
  readonly grace_seconds: number;
}

interface RotationOptions {
  readonly memory: SecretMemory;
  readonly logger: Logger;
  readonly observer: BusObserver;
  readonly runtimeDirectory: string;
  readonly graceSeconds: () => number;
  /** Tells everybody whom it concerns to come back: with a new key of their own, or knowing the new one of the bus. */
  announce(rotation: RotationStarted): void;
  /** Ends the connections that still rest on a key whose grace is over. */
  revoked(key: KeyPair | RegisteredKey): void;
}

interface BusKey {
  readonly pair: KeyPair;
  readonly generation: number;
}

const busName = 'bus';

/**
 * The keys in force and how they give way to new ones. A new key is on disk before anybody is told, and the old one is
 * accepted until its grace has ended; so a crash at any moment leaves a key that works.
 */
export class KeyRotation {
  readonly registry: KeyRegistry;
  readonly #options: RotationOptions;
  readonly #busFiles: KeyFiles;
  /** Newest first. */
  #busKeys: readonly BusKey[];
  /** Daemons that were asked for a new key and have not come back with it. */
  readonly #asked = new Map<string, NodeJS.Timeout>();
  readonly #graces = new Set<NodeJS.Timeout>();

  /** @throws SesameError key-file-damaged, storage-* */
  constructor(options: RotationOptions) {
    const { memory, runtimeDirectory, logger } = options;
    this.#options = options;
    this.#busFiles = new KeyFiles(memory, runtimeDirectory, busName);
    this.#busKeys = [{ pair: this.#busFiles.loadOrCreate(), generation: 1 }];
    this.registry = new KeyRegistry(busPaths(runtimeDirectory).keys, logger, (previous, current) =>
      this.#onReplaced(previous, current),
    );
  }

  /** The keys of the bus that clients may have read, newest first. */
  get busKeys(): readonly KeyPair[] {
    return this.#busKeys.map(({ pair }) => pair);
  }

  /**
   * @param name `bus` or a daemon
   * @throws SesameError key-unknown, rotation-under-way, storage-*
   */
  rotate(name: string): RotationStarted {
    const rotation = name === busName ? this.#rotateBus() : this.#askDaemon(name);
    this.#options.logger.info('a key is being rotated', { ...rotation });
    this.#options.announce(rotation);
    return rotation;
  }

  /** Stops all timers and wipes the keys. */
  close(): void {
    for (const timer of [...this.#graces, ...this.#asked.values()]) clearTimeout(timer);
    for (const { pair } of this.#busKeys) pair.privateKey.release();
    this.#busKeys = [];
  }

  #rotateBus(): RotationStarted {
    const [previous, retiring] = this.#busKeys;
    assert(previous !== undefined, 'the bus has a key until it is closed');
    if (retiring !== undefined) throw this.#underWay(busName);
    const generation = previous.generation + 1;
    this.#options.observer.keyRotationStarted?.(busName, generation);
    this.#busKeys = [{ pair: this.#busFiles.replace(), generation }, previous];
    this.#options.observer.keyRotationCompleted?.(busName, generation);
    this.#afterGrace(() => {
      this.#busKeys = this.#busKeys.filter(({ pair }) => pair !== previous.pair);
      this.#options.revoked(previous.pair);
      previous.pair.privateKey.release();
      this.#options.observer.keyRevoked?.(busName, 'rotated', previous.generation);
    });
    return { name: busName, generation, grace_seconds: Math.ceil(this.#options.graceSeconds()) };
  }

  /** A daemon owns its private key, so it makes the new one; this only asks, and the registry notices. */
  #askDaemon(name: string): RotationStarted {
    const current = this.registry.current(name);
    if (current === undefined) {
      throw SesameError.of('key-unknown', { name, known: [busName, ...this.registry.names].join(', ') });
    }
    if (this.#asked.has(name)) throw this.#underWay(name);
    const generation = current.generation + 1;
    this.#options.observer.keyRotationStarted?.(name, generation);
    this.#asked.set(
      name,
      this.#afterGrace(() => {
        this.#asked.delete(name);
        this.#options.logger.warn('a daemon did not replace its key; the old one stays in force', { name });
      }),
    );
    return { name, generation, grace_seconds: Math.ceil(this.#options.graceSeconds()) };
  }

  #onReplaced(previous: RegisteredKey, current: RegisteredKey): void {
    const { name } = current;
    clearTimeout(this.#asked.get(name));
    this.#asked.delete(name);
    this.#options.observer.keyRotationCompleted?.(name, current.generation);
    this.#afterGrace(() => {
      this.registry.revoke(previous);
      this.#options.revoked(previous);
      this.#options.observer.keyRevoked?.(name, 'rotated', previous.generation);
    });
  }

  #afterGrace(act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#graces.delete(timer);
      act();
    }, this.#options.graceSeconds() * 1000);
    this.#graces.add(timer);
    return timer;
  }

  #underWay(name: string): SesameError {
    return SesameError.of('rotation-under-way', { name, seconds: Math.ceil(this.#options.graceSeconds()) });
  }
}
