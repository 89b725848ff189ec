// SPDX-License-Identifier: MIT
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { assert, SesameError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { lockLimit } from '../linux/process.ts';
import { GuardedMapping, pageBytes } from './guarded-mapping.ts';
import { chooseProtection, type ProtectionChoice } from './protection.ts';
import type { SecretBytes, SecretMemory, SecretMemoryStatus } from './secret-bytes.ts';

export interface SecretMemoryOptions {
  /** Told at ERROR when the fallback is in use, at INFO otherwise. */
  readonly logger?: Logger;
  /** Takes mlock even where memfd_secret works. */
  readonly forceFallback?: boolean;
  /** How many wiped single pages are kept for the next allocation; 8 when absent. */
  readonly pooledPages?: number;
}

/**
 * Secret memory of this process. Whether the kernel offers memfd_secret is found out here, once, by asking for it.
 * @throws SesameError secret-memory-failed
 */
export function openSecretMemory(options: SecretMemoryOptions = {}): SecretMemory {
  const choice = chooseProtection(options.forceFallback ?? false);
  if (choice.fallback === undefined) {
    options.logger?.info('secret memory is protected', { protection: choice.protection });
  } else {
    options.logger?.error('secret memory uses the fallback: the kernel and root can read it', {
      protection: choice.protection,
      cause: choice.fallback.cause,
      remedy: choice.fallback.remedy,
    });
  }
  return new GuardedSecretMemory(choice, options.pooledPages ?? 8);
}

class GuardedSecretMemory implements SecretMemory {
  readonly #choice: ProtectionChoice;
  readonly #poolSize: number;
  readonly #pool: GuardedMapping[] = [];
  readonly #zeros = openSync('/dev/zero', 'r');
  readonly #canary = randomBytes(pageBytes);
  #pagesInUse = 0;

  constructor(choice: ProtectionChoice, poolSize: number) {
    this.#choice = choice;
    this.#poolSize = poolSize;
  }

  allocate(length: number): SecretBytes {
    assert(Number.isSafeInteger(length) && length >= 1, 'a length of at least one byte');
    const mapping = this.#mapping(length);
    this.#pagesInUse += mapping.pages;
    return new MappedSecretBytes(mapping.open(), length, this.#canary, (intact) => this.#giveBack(mapping, intact));
  }

  take(source: Uint8Array): SecretBytes {
    try {
      if (source.length === 0) return new EmptySecretBytes();
      const secret = this.allocate(source.length);
      secret.bytes.set(source);
      return secret;
    } finally {
      source.fill(0);
    }
  }

  status(): SecretMemoryStatus {
    return {
      protection: this.#choice.protection,
      ...this.#choice.fallback,
      pagesInUse: this.#pagesInUse,
      pagesPooled: this.#pool.length,
      lockLimit: lockLimit(),
    };
  }

  trim(): void {
    for (const mapping of this.#pool.splice(0)) mapping.unmap();
  }

  #mapping(length: number): GuardedMapping {
    const pages = Math.ceil(length / pageBytes);
    const pooled = pages === 1 ? this.#pool.pop() : undefined;
    const mapping = pooled ?? this.#map(pages) ?? this.#mapAfterTrim(pages);
    if (mapping === undefined) throw SesameError.of('secret-memory-exhausted', { length, limit: `${lockLimit()} bytes` });
    return mapping;
  }

  #map(pages: number): GuardedMapping | undefined {
    return GuardedMapping.create(this.#choice.protection, pages, this.#zeros);
  }

  /** What the pool holds counts against the limit too. */
  #mapAfterTrim(pages: number): GuardedMapping | undefined {
    if (this.#pool.length === 0) return undefined;
    this.trim();
    return this.#map(pages);
  }

  #giveBack(mapping: GuardedMapping, intact: boolean): void {
    this.#pagesInUse -= mapping.pages;
    if (intact && mapping.pages === 1 && this.#pool.length < this.#poolSize) this.#pool.push(mapping);
    else mapping.unmap();
  }
}

/** Right-aligned against the trailing guard page; the unused front is filled with the canary. */
class MappedSecretBytes implements SecretBytes {
  readonly length: number;
  readonly #canary: Buffer;
  readonly #giveBack: (intact: boolean) => void;
  #pages: Buffer | undefined;

  constructor(pages: Buffer, length: number, canary: Buffer, giveBack: (intact: boolean) => void) {
    this.length = length;
    this.#pages = pages;
    this.#canary = canary.subarray(0, pages.length - length);
    this.#giveBack = giveBack;
    pages.set(this.#canary);
  }

  get released(): boolean {
    return this.#pages === undefined;
  }

  get bytes(): Buffer {
    assert(this.#pages !== undefined, 'secret bytes that were released are not used');
    return this.#pages.subarray(this.#canary.length);
  }

  release(): void {
    const pages = this.#pages;
    if (pages === undefined) return;
    this.#pages = undefined;
    const intact = pages.subarray(0, this.#canary.length).equals(this.#canary);
    pages.fill(0);
    detach(pages);
    this.#giveBack(intact);
    assert(intact, 'the canary before secret bytes is intact; something wrote outside its memory');
  }
}

class EmptySecretBytes implements SecretBytes {
  readonly length = 0;
  released = false;

  get bytes(): Buffer {
    assert(!this.released, 'secret bytes that were released are not used');
    return Buffer.alloc(0);
  }

  release(): void {
    this.released = true;
  }
}

/** Afterwards every view on these bytes has length 0, wherever it was kept: touching pages that are gone cannot happen. */
function detach(buffer: Buffer): void {
  const memory = buffer.buffer;
  assert(memory instanceof ArrayBuffer, 'an ArrayBuffer over the mapping');
  memory.transfer();
  assert(buffer.length === 0, 'a detached buffer is empty');
}
