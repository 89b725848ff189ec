// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AssertionError } from '../../src/core/errors.ts';
import { RecordingLogger } from '../../src/core/log.ts';
import { pageBytes } from '../../src/memory/guarded-mapping.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { memfdSecretMissing } from './fixtures/support.ts';

for (const protection of ['memfd_secret', 'mlock'] as const) {
  const forceFallback = protection === 'mlock';

  describe(`secret memory on ${protection}`, { skip: !forceFallback && memfdSecretMissing }, () => {
    it('says how it protects', () => {
      assert.equal(openSecretMemory({ forceFallback }).status().protection, protection);
    });

    it('keeps bytes of any length as they were', () => {
      const memory = openSecretMemory({ forceFallback });
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 3 * pageBytes }), (value) => {
          const secret = memory.take(Buffer.from(value));
          assert.equal(secret.length, value.length);
          assert.ok(secret.bytes.equals(value));
          secret.release();
        }),
        { numRuns: 60 },
      );
    });

    it('allocates zeros where another secret was', () => {
      const memory = openSecretMemory({ forceFallback, pooledPages: 1 });
      const first = memory.allocate(pageBytes);
      first.bytes.fill(0xff);
      first.release();
      assert.equal(memory.status().pagesPooled, 1);
      const second = memory.allocate(pageBytes);
      assert.equal(memory.status().pagesPooled, 0);
      assert.ok(second.bytes.equals(Buffer.alloc(pageBytes)));
      second.release();
    });

    it('wipes the source that it takes', () => {
      const source = Buffer.alloc(100, 7);
      openSecretMemory({ forceFallback }).take(source).release();
      assert.ok(source.equals(Buffer.alloc(100)));
    });

    it('takes an empty source', () => {
      const secret = openSecretMemory({ forceFallback }).take(new Uint8Array(0));
      assert.equal(secret.bytes.length, 0);
      secret.release();
      assert.ok(secret.released);
    });

    it('empties every view on released bytes', () => {
      const secret = openSecretMemory({ forceFallback }).take(Buffer.alloc(32, 9));
      const kept = secret.bytes;
      const view = kept.subarray(4, 8);
      secret.release();
      assert.equal(kept.length, 0);
      assert.equal(view[0], undefined);
    });

    it('refuses to hand out released bytes', () => {
      const secret = openSecretMemory({ forceFallback }).allocate(8);
      secret.release();
      assert.throws(() => secret.bytes, AssertionError);
    });

    it('keeps the length of released bytes readable', () => {
      const secret = openSecretMemory({ forceFallback }).allocate(8);
      secret.release();
      assert.equal(secret.length, 8);
    });

    it('is released once, however often it is asked', () => {
      const memory = openSecretMemory({ forceFallback });
      const secret = memory.allocate(8);
      secret.release();
      secret.release();
      assert.equal(memory.status().pagesPooled, 1);
      assert.equal(memory.status().pagesInUse, 0);
    });

    it('notices on release that something wrote before the bytes', () => {
      const secret = openSecretMemory({ forceFallback }).allocate(100);
      const { buffer, byteOffset } = secret.bytes;
      const outside = new Uint8Array(buffer, byteOffset - 1, 1);
      outside[0] = (outside[0] ?? 0) ^ 1;
      assert.throws(() => secret.release(), AssertionError);
    });

    it('gives corrupted pages back to the kernel instead of the pool', () => {
      const memory = openSecretMemory({ forceFallback });
      const secret = memory.allocate(100);
      new Uint8Array(secret.bytes.buffer, 0, 16).fill(0);
      assert.throws(() => secret.release(), AssertionError);
      assert.deepEqual([memory.status().pagesInUse, memory.status().pagesPooled], [0, 0]);
    });

    it('ends at the guard page', () => {
      const secret = openSecretMemory({ forceFallback }).allocate(5);
      const { buffer, byteOffset, length } = secret.bytes;
      assert.equal(byteOffset + length, buffer.byteLength);
      assert.equal(buffer.byteLength, pageBytes);
      secret.release();
    });

    it('pools no more pages than it was told to', () => {
      const memory = openSecretMemory({ forceFallback, pooledPages: 2 });
      const secrets = [1, 2, 3].map((length) => memory.allocate(length));
      for (const secret of secrets) secret.release();
      assert.equal(memory.status().pagesPooled, 2);
    });

    it('gives the pool back when trimmed and works on', () => {
      const memory = openSecretMemory({ forceFallback });
      memory.allocate(1).release();
      memory.trim();
      assert.equal(memory.status().pagesPooled, 0);
      memory.allocate(1).release();
    });

    it('counts the pages in use', () => {
      const memory = openSecretMemory({ forceFallback });
      const secret = memory.allocate(pageBytes + 1);
      assert.equal(memory.status().pagesInUse, 2);
      secret.release();
      assert.equal(memory.status().pagesInUse, 0);
    });

    it('holds keys that node:crypto can use', () => {
      const memory = openSecretMemory({ forceFallback });
      const key = memory.take(Buffer.alloc(32, 1));
      const nonce = Buffer.alloc(12);
      const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce);
      const sealed = Buffer.concat([cipher.update('value'), cipher.final()]);
      key.release();
      const decipher = createDecipheriv('aes-256-gcm', Buffer.alloc(32, 1), nonce).setAuthTag(cipher.getAuthTag());
      assert.equal(Buffer.concat([decipher.update(sealed), decipher.final()]).toString(), 'value');
    });

    it('has no more descriptors open after 10,000 allocations', () => {
      const memory = openSecretMemory({ forceFallback, pooledPages: 0 });
      const before = readdirSync('/proc/self/fd').length;
      for (let round = 0; round < 10_000; round += 1) memory.allocate(32).release();
      assert.equal(readdirSync('/proc/self/fd').length, before);
    });

    it('refuses a length that is not one', () => {
      const memory = openSecretMemory({ forceFallback });
      for (const length of [0, -1, 1.5, Number.NaN]) assert.throws(() => memory.allocate(length), AssertionError);
    });
  });
}

describe('what is said about the protection', () => {
  it('is an error with cause and remedy for the fallback', () => {
    const logger = new RecordingLogger();
    openSecretMemory({ forceFallback: true, logger });
    assert.deepEqual(
      logger.lines.map(({ level, fields }) => [level, Object.keys(fields)]),
      [['error', ['protection', 'cause', 'remedy']]],
    );
  });

  it('is information for memfd_secret', { skip: memfdSecretMissing }, () => {
    const logger = new RecordingLogger();
    openSecretMemory({ logger });
    assert.deepEqual(
      logger.lines.map(({ level }) => level),
      ['info'],
    );
  });

  it('gives status a cause for the fallback only', { skip: memfdSecretMissing }, () => {
    assert.equal(openSecretMemory().status().cause, undefined);
    assert.notEqual(openSecretMemory({ forceFallback: true }).status().cause, undefined);
  });
});
