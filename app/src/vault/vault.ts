// SPDX-License-Identifier: MIT
import type { Clock } from '../core/clock.ts';
import { SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { isInvisibleUpstream, longestValue, requireSecretName } from '../core/names.ts';
import { openAesGcm, sealAesGcm } from '../crypto/aead.ts';
import { entryKeyContext, vaultKeyContext } from '../crypto/contexts.ts';
import { deriveKey } from '../crypto/derive.ts';
import type { Hkdf } from '../crypto/suite.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { createDatabase, openDatabase, rawDatabaseKey } from './database.ts';
import { decodeName, encodeName, nameForPeople, rangeOf } from './entry-names.ts';
import type { ForeignRow, StoredEntry } from './entry-table.ts';
import { checkPages } from './page-check.ts';
import { databasePath } from './paths.ts';
import { DatabaseSession } from './session.ts';
import { readState, writeState } from './state-table.ts';

export interface VaultOptions {
  readonly memory: SecretMemory;
  /** The directory `vaults/`, or that of a generation being prepared. */
  readonly directory: string;
  readonly profile: string;
  /** Stays the caller's: the vault derives its own keys from it and keeps no reference. */
  readonly masterKey: SecretBytes;
  readonly hkdf: Hkdf;
  /** After this many milliseconds without use the database is closed, and with it goes SQLCipher's own copy of the key. */
  readonly idleCloseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ListedEntry {
  readonly name: string;
  /** Unix seconds, as they stand in the file. */
  readonly created_at: number;
  readonly updated_at: number;
}

export interface ListRequest {
  /** Only names that start with this, taken literally. */
  readonly prefix?: string;
  /** Only names after this one. */
  readonly after?: string;
  /** The most entries in one answer; 1 or more. */
  readonly limit: number;
}

export interface ListPage {
  readonly entries: ListedEntry[];
  /** What to give as `after` for the next page; absent with the last one. */
  readonly next?: string;
}

export interface VaultReport {
  readonly entries: number;
  /** Names of the entries that cannot be decrypted. */
  readonly damaged: string[];
}

/** What one transaction of copyEntries carries: the event loop waits for it, and a slow card takes long for more. */
const batchEntries = 128;
const batchBytes = 65_536;

/**
 * The secrets of one profile: a SQLCipher file whose entries are each encrypted once more. Its keys stay in secret memory
 * until `close`; the database is opened at the first use and closed when nobody has used it for a while.
 *
 * Beside the errors named at each method, every one that touches the file may throw: vault-locked after `close`,
 * vault-file-missing, vault-key-refused, vault-damaged, vault-busy, storage-full, storage-read-only, storage-failed,
 * file-unreadable.
 */
export class Vault {
  readonly #options: Omit<VaultOptions, 'masterKey'>;
  readonly #session: DatabaseSession;
  readonly #entryKey: SecretBytes;
  #warned = false;

  private constructor(options: Omit<VaultOptions, 'masterKey'>, session: DatabaseSession, entryKey: SecretBytes) {
    this.#options = options;
    this.#session = session;
    this.#entryKey = entryKey;
  }

  /**
   * Makes the file of a new vault, on the disk when this returns. After a failure there is no file.
   * @throws SesameError vault-exists, secret-memory-exhausted, storage-full, storage-read-only, storage-failed
   */
  static create(options: VaultOptions): Vault {
    return Vault.#start(options, createDatabase);
  }

  /**
   * Opens a vault and proves the key on it.
   * @throws SesameError secret-memory-exhausted, and those of the class
   */
  static open(options: VaultOptions): Vault {
    return Vault.#start(options, openDatabase);
  }

  static #start({ masterKey, ...options }: VaultOptions, connect: typeof openDatabase): Vault {
    const { memory, profile, hkdf, idleCloseMs } = options;
    const vaultKey = deriveKey(memory, hkdf, vaultKeyContext(profile), masterKey.bytes);
    let session: DatabaseSession | undefined;
    let entryKey: SecretBytes | undefined;
    try {
      session = new DatabaseSession(options, rawDatabaseKey(memory, vaultKey), idleCloseMs);
      entryKey = deriveKey(memory, hkdf, entryKeyContext, vaultKey.bytes);
      session.start(connect);
      return new Vault(options, session, entryKey);
    } catch (thrown) {
      entryKey?.release();
      session?.end();
      throw thrown;
    } finally {
      vaultKey.release();
    }
  }

  get profile(): string {
    return this.#options.profile;
  }

  /** Whether the database is open now, so that SQLCipher holds a copy of the vault key outside secret memory. */
  get isOpen(): boolean {
    return this.#session.isOpen;
  }

  /** @throws SesameError secret-not-found, entry-damaged, secret-memory-exhausted */
  get(name: string): SecretBytes {
    const stored = this.#session.use((entries) => entries.find(encodeName(name)));
    if (stored === undefined) throw this.#notFound(name);
    const value = this.#decrypt(stored.value);
    if (value === undefined) throw this.#damaged(name);
    return value;
  }

  has(name: string): boolean {
    return this.#session.use((entries) => entries.has(encodeName(name)));
  }

  /**
   * Stores a value, on the disk when this returns.
   * @param value 0 to 65,536 bytes; the caller wipes it
   * @throws SesameError secret-name-invalid, value-too-long
   */
  set(name: string, value: Uint8Array): { readonly created: boolean } {
    requireSecretName(name);
    if (value.length > longestValue) throw SesameError.of('value-too-long', { length: value.length, limit: longestValue });
    this.#warnOnce(name);
    const key = encodeName(name);
    const now = this.#now();
    return this.#session.use((entries) => {
      const sealed = sealAesGcm(this.#entryKey, value);
      const created = !entries.update(key, sealed, now);
      if (created) entries.insert({ name: key, value: sealed, createdAt: now, updatedAt: now });
      return { created };
    });
  }

  /**
   * Removes an entry, from the disk when this returns; its page is overwritten.
   * @throws SesameError secret-not-found
   */
  delete(name: string): void {
    if (!this.#session.use((entries) => entries.remove(encodeName(name)))) throw this.#notFound(name);
  }

  /** Names in the order of their bytes, a page at a time. What is no UTF-8 is no name and is left out; a check reports it. */
  list(request: ListRequest): ListPage {
    const { from, before } = rangeOf(request.prefix, request.after);
    return this.#session.use((table) => {
      const entries: ListedEntry[] = [];
      for (const { name, createdAt, updatedAt } of table.times(from, before)) {
        const text = decodeName(name);
        if (text === undefined) continue;
        const last = entries.at(-1);
        if (last !== undefined && entries.length === request.limit) return { entries, next: last.name };
        entries.push({ name: text, created_at: createdAt, updated_at: updatedAt });
      }
      return { entries };
    });
  }

  count(): number {
    return this.#session.use((entries) => entries.count());
  }

  /**
   * The first step of checkVault: reads every page in use and compares index and table.
   * @throws SesameError vault-damaged
   */
  checkPages(): void {
    this.#session.use((_, connection) => checkPages(connection, databasePath(this.#options.directory, this.profile)));
  }

  /**
   * A further step of checkVault: decrypts the entries of a few rows after `after`.
   * @returns undefined when there is nothing left
   */
  checkBatch(after: bigint): (VaultReport & { readonly last: bigint }) | undefined {
    const damaged: string[] = [];
    let entries = 0;
    let last = after;
    this.#session.use((table) => {
      for (const row of table.rows(after)) {
        const value = this.#decrypt(row.value);
        value?.release();
        if (value === undefined || decodeName(row.name) === undefined) damaged.push(nameForPeople(row));
        last = row.rowid;
        entries += 1;
        if (entries === batchEntries) break;
      }
    });
    return entries === 0 ? undefined : { entries, damaged, last };
  }

  /**
   * One step of copyEntries: re-encrypts the rows after `after`, a small batch in one transaction, into another vault. Times are
   * kept, names are copied byte for byte.
   * @returns how many, and after which row to go on; undefined when there is nothing left
   * @throws SesameError entry-damaged; nothing of the batch was written
   */
  copyBatchTo(target: Vault, after: bigint): { readonly copied: number; readonly last: bigint } | undefined {
    const batch: StoredEntry[] = [];
    let last = after;
    let bytes = 0;
    this.#session.use((table) => {
      for (const row of table.rows(after)) {
        const entry = this.#reencrypt(row, target);
        batch.push(entry);
        last = row.rowid;
        bytes += entry.name.length + entry.value.length;
        if (batch.length === batchEntries || bytes >= batchBytes) break;
      }
    });
    if (batch.length === 0) return undefined;
    target.#session.use((table, connection) => {
      connection.transaction(() => {
        for (const entry of batch) table.insert(entry);
      })();
    });
    return { copied: batch.length, last };
  }

  /** What the vault knows of itself, by name. */
  state(): ReadonlyMap<string, Buffer> {
    return this.#session.use((_, connection) => readState(connection));
  }

  /**
   * Notes something that the vault knows of itself, on the disk when this returns.
   * @param value at most 1024 bytes
   */
  setState(name: string, value: Buffer): void {
    this.#session.use((_, connection) => writeState(connection, name, value));
  }

  /** Closes the database but not the vault: the next use opens it again, in less than a millisecond. */
  closeDatabase(): void {
    this.#session.close();
  }

  /** Closes the vault for good and wipes its keys. Calling it again does nothing. */
  close(): void {
    this.#session.end();
    this.#entryKey.release();
  }

  #decrypt(value: Buffer | undefined): SecretBytes | undefined {
    return value === undefined ? undefined : openAesGcm(this.#options.memory, this.#entryKey, value);
  }

  #reencrypt(row: ForeignRow, target: Vault): StoredEntry {
    const value = this.#decrypt(row.value);
    if (row.name === undefined || value === undefined) {
      value?.release();
      throw this.#damaged(nameForPeople(row));
    }
    try {
      const sealed = sealAesGcm(target.#entryKey, value.bytes);
      return { name: row.name, value: sealed, createdAt: row.createdAt, updatedAt: row.updatedAt };
    } finally {
      value.release();
    }
  }

  /** Without an RTC this may be 1970, and it may be before what is stored. */
  #now(): bigint {
    return BigInt(Math.max(0, Math.floor(this.#options.clock.wallMs() / 1000)));
  }

  #warnOnce(name: string): void {
    if (this.#warned || !isInvisibleUpstream(name)) return;
    this.#warned = true;
    this.#options.logger.warn('a name with "/", "\\" or ".." is invisible to Open Sesame on the desktop', {
      profile: this.profile,
      name,
    });
  }

  #notFound(name: string): SesameError {
    return SesameError.of('secret-not-found', { profile: this.profile, name: JSON.stringify(name) });
  }

  #damaged(name: string): SesameError {
    return SesameError.of('entry-damaged', { profile: this.profile, name: JSON.stringify(name) });
  }
}
