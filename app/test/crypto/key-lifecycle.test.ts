// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { scanProcess } from '../support/memory-scan.ts';
import { makeKeys, marker } from './key-lifecycle.ts';

// As the daemons run: a small young generation is collected often, and what the collector moves it copies.
const flags = ['--max-old-space-size=12', '--max-semi-space-size=1', '--optimize-for-size'];

async function foundInAnotherProcess(needles: Record<string, Buffer>): Promise<string[]> {
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'key-lifecycle-process.ts')], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    const names = Object.keys(needles);
    const findings = scanProcess(child.pid ?? 0, Object.values(needles));
    return [...new Set(findings.map(({ needle }) => names[needle] ?? '?'))].sort();
  } finally {
    child.stdin.end();
    await once(child, 'exit');
  }
}

describe('a key that was released', () => {
  it('is nowhere in the memory of the process that made it, in whole or by its first half', async () => {
    const needles: Record<string, Buffer> = { marker };
    const keys = await makeKeys(openSecretMemory());
    needles['pseudorandom key'] = createHmac('sha256', Buffer.alloc(0)).update(keys.pbkdf2.bytes).digest().subarray(0, 16);
    for (const [name, key] of Object.entries(keys)) {
      needles[name] = Buffer.from(key.bytes.subarray(0, 16));
      if (key.length === 64) needles[`${name}, second`] = Buffer.from(key.bytes.subarray(32, 48));
      key.release();
    }
    assert.deepEqual(await foundInAnotherProcess(needles), ['marker']);
  });
});
