// SPDX-License-Identifier: MIT
// Started by key-lifecycle.test.ts: makes and uses all keys many times, gives them back, and waits to be looked at.
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import { makeKeys, marker } from './key-lifecycle.ts';

const memory = openSecretMemory();
for (let round = 0; round < 5; round++) {
  for (const key of Object.values(await makeKeys(memory))) key.release();
}
memory.trim();
const kept = Buffer.from(marker);
process.stdout.write('ready\n');
process.stdin.on('end', () => process.exit(kept.length === marker.length ? 0 : 1)).resume();
