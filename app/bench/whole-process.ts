// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { profile, secretLength, secretName, withDevice } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { median, timeEach } from './statistics.ts';

const budget = '`sesame secret get`, whole process';
const built = join(import.meta.dirname, '../../dist');

/** The command from its start to its end, by turns with a Node that does nothing. */
export function wholeProcess({ quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 5 : 31;
  return withDevice(async ({ environment: env }) => {
    say(`${budget}: ${rounds} times`);
    const run = (program: string, words: string[], length: number): number => {
      const [time = 0] = timeEach(1, () => {
        const { stdout, status } = spawnSync(program, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
        assert.deepEqual([status, stdout.length], [0, length]);
      });
      return time / 1000;
    };
    const pairs = Array.from({ length: rounds + 1 }, () => ({
      node: run(join(built, 'lib/node'), ['-e', '0'], 0),
      sesame: run(join(built, 'bin/sesame'), ['secret', 'get', '-p', profile, secretName], secretLength),
    })).slice(1);
    return [
      {
        budget,
        measured: 'start to end',
        value: median(pairs.map(({ sesame }) => sesame)),
        floor: { measured: 'node -e 0', value: median(pairs.map(({ node }) => node)) },
        unit: 'ms',
        limit: { of: 'ratio', most: 1.5 },
      },
    ];
  });
}
