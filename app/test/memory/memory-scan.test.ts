// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GuardedMapping, pageBytes } from '../../src/memory/guarded-mapping.ts';
import { scanMemory } from '../support/memory-scan.ts';
import { fillPattern } from './fixtures/pattern.ts';
import { memfdSecretMissing } from './fixtures/support.ts';

const needles = [1, 2].map((seed) => {
  const needle = Buffer.alloc(64);
  fillPattern(needle, seed);
  return needle;
});
const [secret, planted] = [0, 1];

/** Which needles a scan finds while a child holds the secret, and after it released it. */
async function scanHolder(protection: string): Promise<{ held: Set<number>; released: Set<number>; bytesRead: number }> {
  const child: ChildProcess = fork(join(import.meta.dirname, 'fixtures/holder.ts'), [protection], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const ended = once(child, 'exit');
  const scan = async () => {
    await once(child, 'message');
    const { findings, bytesRead } = scanMemory(child.pid ?? 0, needles);
    child.send('go on');
    return { found: new Set(findings.map(({ needle }) => needle)), bytesRead };
  };
  const held = await scan();
  const released = await scan();
  assert.deepEqual(await ended, [0, null]);
  return { held: held.found, released: released.found, bytesRead: held.bytesRead };
}

describe('a scan of all readable memory', () => {
  it('never finds a secret in memfd_secret, though it finds what was planted', { skip: memfdSecretMissing }, async () => {
    const { held, released } = await scanHolder('memfd_secret');
    assert.deepEqual([held, released], [new Set([planted]), new Set([planted])]);
  });

  it('finds a secret in the fallback while it is held, and not after its release', async () => {
    const { held, released } = await scanHolder('mlock');
    assert.deepEqual([held, released], [new Set([secret, planted]), new Set([planted])]);
  });

  it('finds a needle once wherever it lies', () => {
    const zeros = openSync('/dev/zero', 'r');
    const mapping = GuardedMapping.create('mlock', 600, zeros);
    closeSync(zeros);
    assert.ok(mapping !== undefined);
    // One needle after the other without a gap, so that they lie across every border of the scan.
    const size = 600 * pageBytes;
    for (let pages = mapping.open(), at = 0; at < size; at += 64) fillPattern(pages.subarray(at, at + 64), 1);
    const { start } = mapping;
    const addresses = scanMemory('self', needles)
      .findings.map(({ address }) => Number(address - start))
      .filter((offset) => offset >= 0 && offset < size);
    assert.deepEqual(
      addresses,
      Array.from({ length: size / 64 }, (_, index) => index * 64),
    );
    mapping.unmap();
  });

  it('reads tens of megabytes', async () => {
    const { bytesRead } = await scanHolder('mlock');
    assert.ok(bytesRead > 30e6, `${bytesRead} bytes`);
  });
});
