// SPDX-License-Identifier: MIT
// Asks as the command does, in a process of its own: a client that blocks would keep a server in the same one from answering.
// Its argument is a list of requests; it prints what came of each.
import { BlockingClient } from '../../src/bus/blocking-client.ts';
import { asSesameError } from '../../src/core/errors.ts';
import { memory, suite } from './fixture.ts';

export interface Asked {
  readonly set?: number;
  readonly get?: true;
  readonly list?: true;
  readonly timeoutMs?: number;
}

export type Outcome = { readonly attachment: string | null } | { readonly code: string; readonly message: string };

const [directory = '', list = '[]'] = process.argv.slice(2);
const named = { profile: 'device', name: 'mqtt/password' };

async function ask(client: BlockingClient, { set, list: lists, timeoutMs = 5000 }: Asked): Promise<Outcome> {
  try {
    if (set !== undefined) await client.request('secret-set', named, Buffer.alloc(set, 7), { timeoutMs });
    else if (lists) await client.request('profile-list', {}, undefined, { timeoutMs });
    else {
      const { attachment } = await client.request('secret-get', named, undefined, { timeoutMs });
      return { attachment: attachment?.bytes.toString('hex') ?? null };
    }
    return { attachment: null };
  } catch (thrown) {
    const { code, message } = asSesameError(thrown, 'the client');
    return { code, message };
  }
}

const outcomes: Outcome[] = [];
try {
  const client = BlockingClient.connect({ memory, suite, runtimeDirectory: directory });
  const asked: Asked[] = JSON.parse(list);
  for (const request of asked) outcomes.push(await ask(client, request));
  client.close();
} catch (thrown) {
  const { code, message } = asSesameError(thrown, 'the client');
  outcomes.push({ code, message });
}
process.stdout.write(JSON.stringify(outcomes));
