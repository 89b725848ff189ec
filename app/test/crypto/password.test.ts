// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { argon2id as nobleArgon2id } from '@noble/hashes/argon2.js';
import { pbkdf2 as noblePbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { SesameError } from '../../src/core/errors.ts';
import { passwordKey } from '../../src/crypto/password.ts';
import type { Kdf } from '../../src/crypto/suite.ts';
import type { SecretMemory } from '../../src/memory/secret-bytes.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { argon2id as argon2Command } from './oracle.ts';
import { argon2Vector } from './vectors.ts';

const memory = openSecretMemory();
const salt = Buffer.from('sixteen byte slt');

async function stretched(kdf: Kdf, password: Uint8Array, under: Uint8Array = salt): Promise<Buffer> {
  const key = await passwordKey(memory, kdf, password, under);
  try {
    return Buffer.from(key.bytes);
  } finally {
    key.release();
  }
}

describe('passwordKey with Argon2id', () => {
  it('agrees with the argon2 command', async () => {
    // No zero byte in the password: the command takes it for the end.
    const password = fc.uint8Array({ min: 1, minLength: 1, maxLength: 120 });
    const printableSalt = fc
      .string({ unit: 'grapheme-ascii', minLength: 16, maxLength: 16 })
      .filter((text) => !text.startsWith('-'));
    await fc.assert(
      fc.asyncProperty(password, printableSalt, async (bytes, text) => {
        assert.deepEqual(await stretched('argon2id', bytes, Buffer.from(text)), argon2Command(bytes, text));
      }),
      { numRuns: 15 },
    );
  });

  it('agrees with an implementation that passes the vector of RFC 9106', async () => {
    const { common, argon2id_tag } = argon2Vector;
    const rfc9106 = nobleArgon2id(Buffer.from(common.password_hex, 'hex'), Buffer.from(common.salt_hex, 'hex'), {
      t: common.t,
      m: common.m_kib,
      p: common.p,
      version: common.version,
      dkLen: common.tag_len,
      key: Buffer.from(common.secret_hex, 'hex'),
      personalization: Buffer.from(common.ad_hex, 'hex'),
    });
    assert.equal(Buffer.from(rfc9106).toString('hex'), argon2id_tag);

    const password = Buffer.from('zero \0 byte');
    const expected = nobleArgon2id(password, salt, { t: 2, m: 19_456, p: 1, version: 0x13, dkLen: 32 });
    assert.deepEqual(await stretched('argon2id', password), Buffer.from(expected));
  });

  it('lets the event loop run', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks++;
    }, 1);
    await stretched('argon2id', Buffer.from('password'));
    clearInterval(timer);
    assert.ok(ticks >= 2, `${ticks} ticks`);
  });
});

describe('passwordKey with PBKDF2', () => {
  it('agrees with another implementation at 600,000 iterations', async () => {
    const password = Buffer.from('correct horse');
    const expected = noblePbkdf2(sha256, password, salt, { c: 600_000, dkLen: 32 });
    assert.deepEqual(await stretched('pbkdf2-sha256', password), Buffer.from(expected));
  });

  it('lets the event loop run', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks++;
    }, 1);
    await stretched('pbkdf2-sha256', Buffer.from('password'));
    clearInterval(timer);
    assert.ok(ticks >= 5, `${ticks} ticks`);
  });
});

describe('passwordKey', () => {
  it('refuses a salt of another length', () => {
    assert.throws(() => passwordKey(memory, 'argon2id', Buffer.from('password'), Buffer.alloc(15)), { name: 'AssertionError' });
  });

  it('takes an empty password', async () => {
    const expected = nobleArgon2id(Buffer.alloc(0), salt, { t: 2, m: 19_456, p: 1, version: 0x13, dkLen: 32 });
    assert.deepEqual(await stretched('argon2id', Buffer.alloc(0)), Buffer.from(expected));
  });

  it('lets its caller wipe the password while it waits for its turn', async () => {
    const expected = await stretched('argon2id', Buffer.from('password'));
    const first = stretched('argon2id', Buffer.from('another'));
    const password = Buffer.from('password');
    const second = stretched('argon2id', password);
    password.fill(0);
    await first;
    assert.deepEqual(await second, expected);
  });

  it('leaves the password and the salt to their owner', async () => {
    const password = Buffer.from('password');
    await stretched('argon2id', password);
    assert.equal(password.toString() + salt.toString(), 'passwordsixteen byte slt');
  });

  it('gives the next its turn after one failed', async () => {
    const refuse = () => {
      throw SesameError.of('secret-memory-exhausted', { length: 32, limit: 0 });
    };
    const exhausted: SecretMemory = { allocate: refuse, take: refuse, status: () => memory.status(), trim: () => memory.trim() };
    const failing = passwordKey(exhausted, 'argon2id', Buffer.from('password'), salt);
    const next = stretched('argon2id', Buffer.from('password'));
    await assert.rejects(failing, { code: 'secret-memory-exhausted' });
    assert.equal((await next).length, 32);
  });

  it('holds no secret memory afterwards', async () => {
    const before = memory.status().pagesInUse;
    await stretched('argon2id', Buffer.from('password'));
    assert.equal(memory.status().pagesInUse, before);
  });
});
