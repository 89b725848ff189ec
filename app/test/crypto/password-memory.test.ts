// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { passwordKey } from '../../src/crypto/password.ts';
import { memoryUsage } from '../../src/linux/memory-usage.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';

const memory = openSecretMemory();
const salt = Buffer.alloc(16, 1);

async function stretch(): Promise<void> {
  const key = await passwordKey(memory, 'argon2id', Buffer.from('password'), salt);
  key.release();
}

// A file of its own, for these are figures of the whole process.
describe("Argon2id's memory", () => {
  it('is taken once however many passwords wait', async () => {
    const before = memoryUsage('self');
    await Promise.all(Array.from({ length: 4 }, stretch));
    const grownKb = memoryUsage('self').peakKb - Math.max(before.peakKb, before.residentKb);
    assert.ok(grownKb < 30_000, `${grownKb} kB more at the peak`);
  });

  it('is given back', async () => {
    await stretch();
    const before = memoryUsage('self').anonymousKb;
    for (let count = 0; count < 5; count++) await stretch();
    const grownKb = memoryUsage('self').anonymousKb - before;
    assert.ok(grownKb < 2048, `${grownKb} kB more afterwards`);
  });
});
