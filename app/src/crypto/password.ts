// SPDX-License-Identifier: MIT
import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { type Algorithm, hashRaw, type Version } from '@node-rs/argon2';
import { assert, unreachable } from '../core/errors.ts';
import type { SecretBytes, SecretMemory } from '../memory/secret-bytes.ts';
import type { Kdf } from './suite.ts';

const keyLength = 32;
const saltLength = 16;

// The package declares `const enum`s, which do not exist at run time.
const argon2id: Algorithm.Argon2id = 2;
const version0x13: Version.V0x13 = 1;

/** Argon2id (RFC 9106) with the parameters of the file format: 19 MiB, two passes, one lane. */
const argon2Options = {
  algorithm: argon2id,
  version: version0x13,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
  outputLen: keyLength,
};

/** Iterations of PBKDF2-HMAC-SHA256 (RFC 8018). */
const pbkdf2Iterations = 600_000;

const pbkdf2Async = promisify(pbkdf2);

/** Settles when the derivation under way has ended; never rejects. */
let previous: Promise<void> = Promise.resolve();

/**
 * Stretches a password to a key of 32 bytes, off the event loop. One at a time however many ask: each takes 19 MiB,
 * and a daemon has 64.
 *
 * @param password copied at once, so that the caller may wipe it while its turn has not come
 * @param salt 16 bytes
 * @throws SesameError secret-memory-exhausted
 */
export function passwordKey(memory: SecretMemory, kdf: Kdf, password: Uint8Array, salt: Uint8Array): Promise<SecretBytes> {
  assert(salt.length === saltLength, 'the salt of a password has 16 bytes');
  const turn = deriveInTurn(memory, kdf, password, Buffer.from(salt), previous);
  previous = turn.then(ignore, ignore);
  return turn;
}

async function deriveInTurn(
  memory: SecretMemory,
  kdf: Kdf,
  password: Uint8Array,
  salt: Buffer,
  turn: Promise<void>,
): Promise<SecretBytes> {
  // A worker thread reads these bytes: they must outlive it, whatever the caller does with its own.
  const copy = copyOf(memory, password);
  try {
    await turn;
    return memory.take(await stretch(kdf, copy.bytes, salt));
  } finally {
    copy.release();
  }
}

function stretch(kdf: Kdf, password: Buffer, salt: Buffer): Promise<Buffer> {
  switch (kdf) {
    case 'argon2id':
      return hashRaw(password, { ...argon2Options, salt });
    case 'pbkdf2-sha256':
      return pbkdf2Async(password, salt, pbkdf2Iterations, keyLength, 'sha256');
    default:
      return unreachable(kdf);
  }
}

function copyOf(memory: SecretMemory, bytes: Uint8Array): SecretBytes {
  if (bytes.length === 0) return memory.take(new Uint8Array(0));
  const copy = memory.allocate(bytes.length);
  copy.bytes.set(bytes);
  return copy;
}

// The caller holds the promise that tells of a failure; the next in line only needs to know that the turn is over.
function ignore(): void {}
