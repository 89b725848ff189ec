// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { ChainHash } from '../src/crypto/derive.ts';
import { action, openLog, withDirectory } from './audit-fixture.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { median } from './statistics.ts';

const budget = 'audit verify';

interface Run {
  readonly ms: number;
  readonly mb: number;
}

/** Verification beside hashing and parsing alone, and its memory for a file ten times as long. */
export async function auditVerify({ quick, say }: BenchOptions): Promise<Figure[]> {
  const entries = quick ? 5000 : 50_000;
  const figures: Figure[] = [];
  for (const hash of ['blake3', 'sha256'] as const) {
    say(`${budget}: ${entries} entries linked by ${hash}`);
    const long = await withDirectory(async (directory) => measure(await fill(directory, entries, hash), hash, quick ? 1 : 3));
    const short = await withDirectory(async (directory) => measure(await fill(directory, entries / 10, hash), hash, 1));
    figures.push(
      {
        budget: `${budget}, ${hash}`,
        measured: `time for ${entries} entries`,
        value: long.verify.ms,
        floor: { measured: 'hashing and parsing alone', value: long.floor.ms },
        unit: 'ms',
        limit: { of: 'ratio', most: 2 },
      },
      {
        budget: `${budget}, ${hash}`,
        measured: `memory for ${entries} entries`,
        value: long.verify.mb,
        floor: { measured: 'for a tenth of them', value: short.verify.mb },
        unit: 'MB',
        limit: { of: 'ratio', most: 1.1 },
      },
    );
  }
  return figures;
}

async function fill(directory: string, entries: number, hash: ChainHash): Promise<string> {
  const log = openLog(directory, hash);
  await Promise.all(Array.from({ length: entries }, () => log.append(action, { durable: false })));
  await log.close();
  return log.path;
}

function measure(path: string, hash: ChainHash, times: number): { verify: Run; floor: Run } {
  const runs = Array.from({ length: times }, () => ({ verify: run('verify', path, hash), floor: run('floor', path, hash) }));
  const middle = (pick: (pair: { verify: Run; floor: Run }) => number) => median(runs.map(pick));
  return {
    verify: { ms: middle(({ verify }) => verify.ms), mb: middle(({ verify }) => verify.mb) },
    floor: { ms: middle(({ floor }) => floor.ms), mb: middle(({ floor }) => floor.mb) },
  };
}

/** In a process of its own with the heap of a daemon, so that neither warms up or fills memory for the other. */
function run(work: 'verify' | 'floor', path: string, hash: ChainHash): Run {
  const program = join(import.meta.dirname, 'audit-verify-process.ts');
  const heap = ['--max-old-space-size=12', '--max-semi-space-size=1'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...heap, program, work, path, hash], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}
