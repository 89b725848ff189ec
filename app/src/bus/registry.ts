// SPDX-License-Identifier: MIT
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, systemErrorCode } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { keyLength } from './keys.ts';

/** A key under `keys/`: it gives a connection its name and every clearance. */
export interface RegisteredKey {
  readonly name: string;
  readonly publicKey: Buffer;
  /** Who owns the key file. A connection of anybody else is not this daemon, whatever key it has. */
  readonly uid: number;
  /** Counts from 1 at the start of the server. */
  readonly generation: number;
}

interface Registration {
  readonly current: RegisteredKey;
  /** Replaced, but accepted until its grace has ended. */
  readonly retiring: readonly RegisteredKey[];
}

const namePattern = /^([a-z][a-z0-9-]{0,63})\.pub$/;

/**
 * The daemons that may call themselves by a name. The directory is the truth: only the owners of daemons can write there, and
 * it is read again whenever an unknown key or uid turns up, so that start order does not matter and a daemon replaces its
 * own key by replacing its files.
 */
export class KeyRegistry {
  readonly #directory: string;
  readonly #logger: Logger;
  readonly #onReplaced: (previous: RegisteredKey, current: RegisteredKey) => void;
  readonly #registrations = new Map<string, Registration>();

  /** @param onReplaced told when the files of a name hold another key than before */
  constructor(directory: string, logger: Logger, onReplaced: (previous: RegisteredKey, current: RegisteredKey) => void) {
    this.#directory = directory;
    this.#logger = logger;
    this.#onReplaced = onReplaced;
  }

  get names(): string[] {
    return [...this.#registrations.keys()];
  }

  /** The key that the files of a name hold now. */
  current(name: string): RegisteredKey | undefined {
    this.#scan();
    return this.#registrations.get(name)?.current;
  }

  /** Whether a uid owns a registered key, after another look at the directory if need be. */
  knowsUid(uid: number): boolean {
    if (!this.#ownsKey(uid)) this.#scan();
    return this.#ownsKey(uid);
  }

  /** The registered key of a connection, or undefined for an unregistered client. */
  find(publicKey: Buffer, uid: number): RegisteredKey | undefined {
    const known = this.#lookUp(publicKey, uid);
    if (known !== undefined) return known;
    this.#scan();
    return this.#lookUp(publicKey, uid);
  }

  /** Ends the grace of a replaced key. */
  revoke(key: RegisteredKey): void {
    const registration = this.#registrations.get(key.name);
    if (registration === undefined) return;
    const retiring = registration.retiring.filter(({ generation }) => generation !== key.generation);
    this.#registrations.set(key.name, { ...registration, retiring });
  }

  #ownsKey(uid: number): boolean {
    return [...this.#registrations.values()].some(({ current }) => current.uid === uid);
  }

  #lookUp(publicKey: Buffer, uid: number): RegisteredKey | undefined {
    return [...this.#registrations.values()]
      .flatMap(({ current, retiring }) => [current, ...retiring])
      .find((key) => key.uid === uid && key.publicKey.equals(publicKey));
  }

  #scan(): void {
    const found = new Set<string>();
    for (const file of this.#files()) {
      const name = namePattern.exec(file)?.[1];
      const key = name === undefined ? undefined : this.#read(file);
      if (name === undefined || key === undefined) continue;
      found.add(name);
      this.#register(name, key);
    }
    for (const name of this.names) {
      if (!found.has(name)) this.#registrations.delete(name);
    }
  }

  #register(name: string, { publicKey, uid }: Pick<RegisteredKey, 'publicKey' | 'uid'>): void {
    const known = this.#registrations.get(name);
    if (known !== undefined && known.current.uid === uid && known.current.publicKey.equals(publicKey)) return;
    const current = { name, publicKey, uid, generation: (known?.current.generation ?? 0) + 1 };
    const retiring = known === undefined ? [] : [known.current, ...known.retiring];
    this.#registrations.set(name, { current, retiring });
    if (known !== undefined) this.#onReplaced(known.current, current);
  }

  #files(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (thrown) {
      this.#logger.error('the directory of registered keys cannot be read', { path: this.#directory, cause: describe(thrown) });
      return [];
    }
  }

  /** Owner and content of one and the same file, never through a link. */
  #read(file: string): Pick<RegisteredKey, 'publicKey' | 'uid'> | undefined {
    const path = join(this.#directory, file);
    try {
      const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        const publicKey = Buffer.alloc(keyLength + 1);
        const length = readSync(descriptor, publicKey, 0, publicKey.length, 0);
        if (length === keyLength) return { publicKey: publicKey.subarray(0, keyLength), uid: fstatSync(descriptor).uid };
        this.#logger.error('a registered key has the wrong length and is ignored', { path, length });
      } finally {
        closeSync(descriptor);
      }
    } catch (thrown) {
      // A file that is being replaced may be gone between listing and opening.
      if (systemErrorCode(thrown) !== 'ENOENT')
        this.#logger.error('a registered key cannot be read', { path, cause: describe(thrown) });
    }
    return undefined;
  }
}
