// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { approvalPublicKey, deriveApprovalKey, signApproval } from '../../src/tpm/authorize-key.ts';
import { scanMemory } from '../support/memory-scan.ts';
import { memory } from './fixture.ts';

const source = (path: string) => JSON.stringify(import.meta.resolve(`../../src/${path}`));

/** Signs as often as the word says, with the key of the piece in the other word, and then waits. */
const signer = `
  import { writeSync } from 'node:fs';
  import { approvalPublicKey, deriveApprovalKey, signApproval } from ${source('tpm/authorize-key.ts')};
  import { openSecretMemory } from ${source('memory/secret-memory.ts')};
  const memory = openSecretMemory();
  const [hex, times] = process.argv.slice(1);
  const piece = memory.take(Buffer.from(hex, 'hex'));
  for (let count = 0; count < Number(times); count += 1) {
    const key = deriveApprovalKey(memory, 'blake3', 'device', piece);
    approvalPublicKey(key);
    signApproval(key, Buffer.from('a message'));
    key.release();
  }

  writeSync(1, 'signed');
  // Without a turn of the event loop nothing is collected meanwhile.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
`;

describe('the key that approves', () => {
  it('makes signatures that its public half verifies, and no other', () => {
    const piece = memory.take(randomBytes(32));
    const key = deriveApprovalKey(memory, 'blake3', 'device', piece);
    const message = Buffer.from('a message');
    const signature = signApproval(key, message);
    const point = approvalPublicKey(key);
    const half = (from: number) => point.subarray(from, from + 32).toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: half(0), y: half(32) }, format: 'jwk' });
    const verifies = (bytes: Buffer) => verify('sha256', bytes, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
    assert.deepEqual([verifies(message), verifies(Buffer.from('another'))], [true, false]);
    key.release();
  });

  it('is nowhere in memory after signatures, in neither order of its bytes', async () => {
    const bytes = randomBytes(32);
    const key = deriveApprovalKey(memory, 'blake3', 'device', memory.take(Buffer.from(bytes)));
    const big = Buffer.from(key.bytes);
    const words = ['--input-type=module', '--disable-warning=ExperimentalWarning', '--eval', signer, bytes.toString('hex'), '20'];
    // As the launchers of the daemons have it.
    const env = {
      ...process.env,
      GLIBC_TUNABLES: 'glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0:glibc.malloc.perturb=90',
    };
    const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    try {
      const little = Buffer.from(big).reverse();
      // A piece finds every copy of the whole, and one that was overwritten at its ends.
      const scan = scanMemory(child.pid ?? 0, [big.subarray(8, 24), little.subarray(8, 24)]);
      assert.ok(scan.bytesRead > 10_000_000);
      assert.deepEqual(scan.findings, []);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
