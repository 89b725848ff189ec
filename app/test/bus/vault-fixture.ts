// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import type { BusClient } from '../../src/bus/client.ts';
import type { Handlers, Sender } from '../../src/bus/handler.ts';
import { busPaths, KeyFiles } from '../../src/bus/keys.ts';
import { memory } from './fixture.ts';

export const named = { profile: 'device', name: 'mqtt/password' };

/** Answers secret-set with what arrived, secret-get with what was set. */
export function vaultOf(): { handlers: Handlers; values: Buffer[]; senders: Sender[] } {
  const values: Buffer[] = [];
  const senders: Sender[] = [];
  const handlers: Handlers = {
    'secret-set': async ({ attachment, sender }) => {
      assert.ok(attachment !== undefined);
      values.push(Buffer.from(attachment.bytes));
      senders.push(sender);
      return { body: { created: true } };
    },
    'secret-get': async ({ sender }) => {
      senders.push(sender);
      return { body: {}, attachment: memory.take(Buffer.from(values.at(-1) ?? [])) };
    },
  };
  return { handlers, values, senders };
}

export async function storedValue(client: BusClient): Promise<Buffer> {
  const { attachment } = await client.request('secret-get', named);
  assert.ok(attachment !== undefined);
  const value = Buffer.from(attachment.bytes);
  attachment.release();
  return value;
}

export function registeredKey(directory: string, name = 'daemon-secrets') {
  return new KeyFiles(memory, busPaths(directory).keys, name).replace();
}
