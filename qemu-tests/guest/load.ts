// SPDX-License-Identifier: MIT
// load PROFILE NAME REQUESTS CONNECTIONS: reads a secret that often over that many connections at once, and prints what it took
// as one JSON value.
import { BusClient } from '../../app/src/bus/client.ts';
import { resolvePaths } from '../../app/src/config/paths.ts';
import { openSecretMemory } from '../../app/src/memory/secret-memory.ts';

interface Load {
  readonly profile: string;
  readonly name: string;
  readonly requests: number;
  readonly connections: number;
}

async function run({ profile, name, requests, connections }: Load): Promise<void> {
  const memory = openSecretMemory();
  const { runtime } = resolvePaths(process.env, process.getuid?.() ?? 0);
  const suite = { cipher: 'chacha-poly', hash: 'blake2s' } as const;
  const clients: BusClient[] = [];
  for (let count = 0; count < connections; count += 1) {
    clients.push(await BusClient.connect({ memory, runtimeDirectory: runtime, suite }));
  }
  const started = performance.now();
  let remaining = requests;
  let bytes = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (remaining > 0) {
        remaining -= 1;
        const { attachment } = await client.request('secret-get', { profile, name });
        bytes += attachment?.length ?? 0;
        attachment?.release();
      }
    }),
  );
  const milliseconds = Math.round(performance.now() - started);
  await Promise.all(clients.map((client) => client.close()));
  process.stdout.write(`${JSON.stringify({ requests, connections, bytes, milliseconds })}\n`);
}

const [profile = 'device', name = 'name', requests = '1000', connections = '8'] = process.argv.slice(2);
run({ profile, name, requests: Number(requests), connections: Number(connections) }).catch((thrown: unknown) => {
  process.stderr.write(`load: ${String(thrown)}\n`);
  process.exitCode = 1;
});
