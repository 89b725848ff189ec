// SPDX-License-Identifier: MIT
// writer PROFILE ROUND: writes secrets until it is ended, and prints "NAME VALUE" for each one after it was acknowledged.
import { randomBytes } from 'node:crypto';
import { BusClient } from '../../app/src/bus/client.ts';
import { resolvePaths } from '../../app/src/config/paths.ts';
import { openSecretMemory } from '../../app/src/memory/secret-memory.ts';

async function run(profile: string, round: string): Promise<never> {
  const client = await BusClient.connect({
    memory: openSecretMemory(),
    runtimeDirectory: resolvePaths(process.env, process.getuid?.() ?? 0).runtime,
    suite: { cipher: 'chacha-poly', hash: 'blake2s' },
  });
  for (let count = 0; ; count += 1) {
    const name = `R${round}_${count}`;
    const value = randomBytes(20 + (count % 50) * 40).toString('hex');
    await client.request('secret-set', { profile, name }, Buffer.from(value));
    process.stdout.write(`${name} ${value}\n`);
  }
}

const [profile = 'device', round = '0'] = process.argv.slice(2);
run(profile, round).catch((thrown: unknown) => {
  process.stderr.write(`writer: ${String(thrown)}\n`);
  process.exitCode = 1;
});
