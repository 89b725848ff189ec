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
  readonly newest: RegisteredKey;
  /** Whether its file is there: without one it does not count. */
  readonly present: boolean;
  /** Replaced, but accepted until its grace has ended. */
  readonly retiring: readonly RegisteredKey[];
}

type FoundKey = Pick<RegisteredKey, 'publicKey' | 'uid'>;

/** What keeps a file from being read for a moment, and says nothing about it. */
const shortages: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

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
    return [...this.#registrations].flatMap(([name, { present }]) => (present ? [name] : []));
  }

  /** The key that the files of a name hold now. */
  current(name: string): RegisteredKey | undefined {
    this.#scan();
    const known = this.#registrations.get(name);
    return known?.present ? known.newest : undefined;
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
    return [...this.#registrations.values()].some(({ newest, present }) => present && newest.uid === uid);
  }

  #lookUp(publicKey: Buffer, uid: number): RegisteredKey | undefined {
    return [...this.#registrations.values()]
      .flatMap(({ newest, present, retiring }) => (present ? [newest, ...retiring] : retiring))
      .find((key) => key.uid === uid && key.publicKey.equals(publicKey));
  }

  /** A listing may miss a name whose file is just being replaced, so each known name is looked for by itself as well. */
  #scan(): void {
    const listed = this.#files().flatMap((file) => namePattern.exec(file)?.[1] ?? []);
    for (const name of new Set([...listed, ...this.#registrations.keys()])) {
      const found = this.#read(name);
      if (found === 'gone') this.#withdraw(name);
      else if (found !== 'unknown') this.#register(name, found);
    }
  }

  #register(name: string, { publicKey, uid }: FoundKey): void {
    const known = this.#registrations.get(name);
    if (known === undefined) {
      this.#registrations.set(name, { newest: { name, publicKey, uid, generation: 1 }, present: true, retiring: [] });
      return;
    }
    const { newest: previous, present, retiring } = known;
    if (previous.uid === uid && previous.publicKey.equals(publicKey)) {
      if (!present) this.#registrations.set(name, { ...known, present: true });
      return;
    }
    const newest = { name, publicKey, uid, generation: previous.generation + 1 };
    this.#registrations.set(name, { newest, present: true, retiring: present ? [previous, ...retiring] : retiring });
    if (present) this.#onReplaced(previous, newest);
  }

  /** The key of a file that was removed counts no more, while one that it had replaced keeps its grace. */
  #withdraw(name: string): void {
    const known = this.#registrations.get(name);
    if (known?.present) this.#registrations.set(name, { ...known, present: false });
  }

  #files(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (thrown) {
      this.#logger.error('the directory of registered keys cannot be read', { path: this.#directory, cause: describe(thrown) });
      return [];
    }
  }

  /** Owner and content of one and the same file, never through a link; `gone` also for what is no key. */
  #read(name: string): FoundKey | 'gone' | 'unknown' {
    const path = join(this.#directory, `${name}.pub`);
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
      const code = systemErrorCode(thrown);
      // A file that is being replaced may be gone between listing and opening.
      if (code !== 'ENOENT') this.#logger.error('a registered key cannot be read', { path, cause: describe(thrown) });
      if (shortages.has(code)) return 'unknown';
    }
    return 'gone';
  }
}
