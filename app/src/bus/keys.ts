// SPDX-License-Identifier: MIT
import { timingSafeEqual } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SesameError } from '../core/errors.ts';
import { blake3KeyedHash } from '../crypto/derive.ts';
import { generateKeyPair } from '../crypto/noise.ts';
import { readBounded, removeWiped, storageError, syncDirectory, writeDurably } from '../linux/files.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import { keyLength, longestKeyFile } from './public-key.ts';

export { busPaths, keyLength, readPublicKey } from './public-key.ts';

/** A Noise static key pair (X25519, RFC 7748). */
export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Buffer;
  /** 32 bytes in secret memory; released by its owner. */
  readonly privateKey: SecretBytes;
}

/** Written and moved in this order: the public key is the last, so a new set counts from the moment its public key is there. */
const parts = ['key', 'checksum', 'pub'] as const;
type Part = (typeof parts)[number];

const modes = { key: 0o600, checksum: 0o600, pub: 0o644 } as const satisfies Record<Part, number>;

/**
 * The files `NAME.key`, `NAME.checksum` and `NAME.pub` of one key, each raw 32 bytes; the checksum is BLAKE3 keyed_hash(key =
 * public key, data = private key). Three files cannot change at once, so a new set is first written whole beside the old one,
 * under `NAME.next.*`. Its public key is the commit point: a crash before leaves the old set, a crash after is carried on with
 * by whoever opens the files next.
 */
export class KeyFiles {
  readonly name: string;
  readonly #memory: SecretMemory;
  readonly #directory: string;

  constructor(memory: SecretMemory, directory: string, name: string) {
    this.name = name;
    this.#memory = memory;
    this.#directory = directory;
  }

  /**
   * The key pair on disk, or undefined when none of its files exists. A set that was being replaced is completed first.
   * @throws SesameError key-file-damaged with the file's path, file-unreadable, storage-*
   */
  load(): KeyPair | undefined {
    this.#recover();
    if (parts.every((part) => !existsSync(this.#path(part)))) return undefined;
    const publicKey = this.#read('pub');
    const checksum = this.#read('checksum');
    const privateKey = this.#memory.take(this.#read('key'));
    if (timingSafeEqual(checksum, blake3KeyedHash(publicKey, privateKey.bytes))) return { publicKey, privateKey };
    privateKey.release();
    throw this.#damaged('key', 'the bytes differ from those it was made of');
  }

  /**
   * Makes a new pair and replaces the one on disk by it, which stays whole if this fails.
   * @throws SesameError storage-*
   */
  replace(): KeyPair {
    this.#recover();
    const { publicKey, privateKey } = generateKeyPair();
    try {
      const content = { key: privateKey, checksum: blake3KeyedHash(publicKey, privateKey), pub: publicKey };
      for (const part of parts) writeDurably(this.#path(part, '.next'), content[part], modes[part]);
      this.#promote();
      return { publicKey, privateKey: this.#memory.take(privateKey) };
    } finally {
      privateKey.fill(0);
    }
  }

  /** The key pair on disk, made first when there is none. */
  loadOrCreate(): KeyPair {
    return this.load() ?? this.replace();
  }

  #recover(): void {
    if (existsSync(this.#path('pub', '.next'))) {
      this.#promote();
      return;
    }
    if (existsSync(this.#path('key', '.next'))) removeWiped(this.#path('key', '.next'));
    rmSync(this.#path('checksum', '.next'), { force: true });
  }

  #promote(): void {
    for (const part of parts) {
      const next = this.#path(part, '.next');
      if (existsSync(next)) this.#rename(next, this.#path(part));
    }
    syncDirectory(this.#directory);
  }

  #rename(from: string, to: string): void {
    try {
      renameSync(from, to);
    } catch (thrown) {
      throw storageError(to, thrown);
    }
  }

  #read(part: Part): Buffer {
    const bytes = readBounded(this.#path(part), longestKeyFile);
    if (bytes === undefined) throw this.#damaged(part, 'it is missing');
    if (bytes.length === keyLength) return bytes;
    bytes.fill(0);
    throw this.#damaged(part, `it has ${bytes.length} bytes instead of ${keyLength}`);
  }

  #damaged(part: Part, reason: string): SesameError {
    return SesameError.of('key-file-damaged', { path: this.#path(part), reason });
  }

  #path(part: Part, stage: '' | '.next' = ''): string {
    return join(this.#directory, `${this.name}${stage}.${part}`);
  }
}
