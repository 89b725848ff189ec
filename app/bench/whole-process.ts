// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { profile, secretLength, secretName, withDevice } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { median, timeEach } from './statistics.ts';

const budget = '`sesame secret get`, whole process';
const built = join(import.meta.dirname, '../../dist');

/**
 * What nobody can leave out who asks over the bus from Node: its cryptography loaded, a key pair, and the four key agreements of a Noise IK
 * initiator (revision 34, section 7.5: e, es, s, ss, then e, ee, se).
 */
const cryptographyOfOneHandshake = `
  const { diffieHellman, generateKeyPairSync } = require('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  for (let agreement = 0; agreement < 4; agreement += 1) diffieHellman({ privateKey, publicKey });
`;

/** The command from its start to its end, by turns with a Node that does nothing and one that does only the cryptography. */
export function wholeProcess({ quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 5 : 101;
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
      cryptography: run(join(built, 'lib/node'), ['-e', cryptographyOfOneHandshake], 0),
      sesame: run(join(built, 'bin/sesame'), ['secret', 'get', '-p', profile, secretName], secretLength),
    })).slice(1);
    const figure = (measured: string, floor: number[]): Figure => ({
      budget,
      measured: 'start to end',
      value: median(pairs.map(({ sesame }) => sesame)),
      floor: { measured, value: median(floor) },
      unit: 'ms',
    });
    const cryptography = figure(
      'node that does the cryptography of one handshake',
      pairs.map((pair) => pair.cryptography),
    );
    return [
      { ...cryptography, limit: { of: 'ratio', most: 1.5 } },
      figure(
        'node -e 0',
        pairs.map(({ node }) => node),
      ),
    ];
  });
}
