// SPDX-License-Identifier: MIT
import { BusClient } from '../../src/bus/client.ts';
import { SesameError } from '../../src/core/errors.ts';
import type { SecretMemory } from '../../src/memory/secret-bytes.ts';
import { openSecretMemory } from '../../src/memory/secret-memory.ts';
import type { Device } from './device.ts';

let shared: SecretMemory | undefined;

/** A connection of this test process to a device's bus. */
export function connectClient(device: Device): Promise<BusClient> {
  shared ??= openSecretMemory();
  return BusClient.connect({
    memory: shared,
    runtimeDirectory: device.runtimeDirectory,
    suite: { cipher: 'chacha-poly', hash: 'blake2s' },
  });
}

/** Reads a secret as ordinary bytes. */
export async function readSecret(client: BusClient, profile: string, name: string): Promise<Buffer> {
  const { attachment } = await client.request('secret-get', { profile, name });
  try {
    return Buffer.from(attachment?.bytes ?? []);
  } finally {
    attachment?.release();
  }
}

/** The code that a request fails with. */
export async function failureOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof SesameError) return thrown.code;
    throw thrown;
  }
  return 'success';
}
