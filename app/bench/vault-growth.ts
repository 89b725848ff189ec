// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import type { BusClient } from '../src/bus/client.ts';
import type { Vault } from '../src/vault/vault.ts';
import { connectClient, readSecret } from '../test/support/client.ts';
import { Device } from '../test/support/device.ts';
import { configuration, profile } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { fillVault, nameOf } from './large-vault.ts';
import { median, timeEach, timeEachAsync } from './statistics.ts';

const budget = 'read cost as a vault grows';
const few = 100;
const reads = 500;

/**
 * Reads any entry of vaults of different sizes, by turns: as a program does, which is what the budget is about, and in the vault
 * alone, with its database open and with opening it first.
 */
export async function vaultGrowth({ quick, say }: BenchOptions): Promise<Figure[]> {
  const many = quick ? 10_000 : 100_000;
  const rounds = quick ? 5 : 15;
  const devices: Device[] = [];
  try {
    say(`${budget}: filling a vault with ${many} entries`);
    const small = await prepare(few, devices);
    const large = await prepare(many, devices);
    say(`${budget}: reading`);
    const compare = async (read: (subject: Subject) => Promise<number[]>) => {
      const times: { small: number; large: number }[] = [];
      for (let round = 0; round <= rounds; round += 1)
        times.push({ small: median(await read(small)), large: median(await read(large)) });
      const warm = times.slice(1);
      return { small: median(warm.map((time) => time.small)), large: median(warm.map((time) => time.large)) };
    };
    const open = await compare(async ({ vault, next }) => timeEach(reads, () => vault.get(next()).release()));
    const opening = await compare(async ({ vault, next }) =>
      timeEach(reads, () => {
        vault.closeDatabase();
        vault.get(next()).release();
      }),
    );
    const clients = new Map([
      [small, await serve(small)],
      [large, await serve(large)],
    ]);
    const served = await compare((subject) =>
      timeEachAsync(reads, async () => {
        const client = clients.get(subject);
        assert.ok(client !== undefined, 'both are served');
        await readSecret(client, profile, subject.next());
      }),
    );
    await Promise.all(Array.from(clients.values(), (client) => client.close()));
    const figure = (measured: string, times: { small: number; large: number }, limited: boolean): Figure => ({
      budget: `${budget}, ${few} → ${many}`,
      measured,
      value: times.large,
      floor: { measured: `the same with ${few} entries`, value: times.small },
      unit: 'µs',
      ...(limited ? { limit: { of: 'ratio', most: 1.3 } } : {}),
    });
    return [
      figure('`secret get`, warm connection', served, true),
      figure('in the vault alone, open', open, false),
      figure('in the vault alone, opening it first', opening, false),
    ];
  } finally {
    for (const device of devices) await device.dispose();
  }
}

interface Subject {
  readonly device: Device;
  readonly vault: Vault;
  /** The name of another entry each time. */
  next(): string;
}

/** A device whose vault holds so many entries, with its daemons stopped and the vault opened here. */
async function prepare(entries: number, devices: Device[]): Promise<Subject> {
  const device = new Device(configuration);
  devices.push(device);
  await device.start();
  await device.initialise(profile);
  await device.end('daemon-secrets');
  await device.end('daemon-profile');
  const vault = await fillVault(device, entries);
  let count = 0;
  const next = () => {
    count += 1;
    return nameOf((count * 7919) % entries); // a prime, so that neighbours are never read one after the other
  };
  return { device, vault, next };
}

/** Starts the daemons again, on the vault as it is now. */
async function serve({ vault, device }: Subject): Promise<BusClient> {
  vault.close();
  await device.start();
  await device.unlock(profile);
  return connectClient(device);
}
