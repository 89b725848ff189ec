// SPDX-License-Identifier: MIT
import { setTimeout as wait } from 'node:timers/promises';
import { connectClient } from '../test/support/client.ts';
import { type DaemonName, type Device, password } from '../test/support/device.ts';
import { load, profile, withDevice } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { bareNodeMb, highestDuring, ownMemoryMb } from './process-memory.ts';

const connections = 50;
const requests = 10_000;
const budgets = { 'daemon-profile': 'daemon-profile, memory', 'daemon-secrets': 'daemon-secrets, memory' } as const;

/**
 * The memory that is a daemon's own: anonymous and secret pages, without the pages of the binary, which are read in outside of its
 * cgroup. What a cgroup counts beyond that, tests on a booted device see.
 */
export function daemonMemory({ quick, say }: BenchOptions): Promise<Figure[]> {
  return withDevice(async (device) => {
    const bare = { measured: 'a bare Node with the same flags', value: await bareNodeMb() };
    const figure = (name: DaemonName, measured: string, value: number, most?: number): Figure => ({
      budget: budgets[name],
      measured,
      value,
      floor: bare,
      unit: 'MB',
      ...(most === undefined ? {} : { limit: { of: 'value', most } }),
    });
    const used = (name: DaemonName) => ownMemoryMb(device.pid(name));
    const started = { profile: used('daemon-profile'), secrets: used('daemon-secrets') };
    say(`memory: ${requests} requests over ${connections} connections`);
    const peaks = await peaksDuring(device, () => loadOver(device));
    const after = used('daemon-profile');
    say('memory: unlocks');
    const unlocks = await highestDuring(
      () => used('daemon-secrets'),
      () => unlockRepeatedly(device, quick ? 2 : 10),
    );
    const figures = [
      figure('daemon-profile', 'just started', started.profile),
      figure('daemon-profile', `after ${requests} requests`, after),
      figure('daemon-profile', `peak of ${requests} requests`, peaks.profile, 20),
      figure('daemon-secrets', 'just started, unlocked once', started.secrets),
      figure('daemon-secrets', `peak of ${requests} requests`, peaks.secrets, 48),
      figure('daemon-secrets', 'peak of unlocks with Argon2id', unlocks, 48),
    ];
    if (quick) return figures;
    say('memory: a minute of rest');
    await wait(60_000);
    return [...figures, figure('daemon-secrets', 'a minute after', used('daemon-secrets'), 24)];
  });
}

async function peaksDuring(device: Device, action: () => Promise<void>): Promise<{ profile: number; secrets: number }> {
  let secrets = 0;
  const profileMemory = () => ownMemoryMb(device.pid('daemon-profile'));
  const secretsMemory = () => ownMemoryMb(device.pid('daemon-secrets'));
  const peak = await highestDuring(profileMemory, async () => {
    secrets = await highestDuring(secretsMemory, action);
  });
  return { profile: peak, secrets };
}

async function loadOver(device: Device): Promise<void> {
  const clients = await Promise.all(Array.from({ length: connections }, () => connectClient(device)));
  await load(clients, requests);
  await Promise.all(clients.map((client) => client.close()));
}

async function unlockRepeatedly(device: Device, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    await device.must(['lock', '-p', profile]);
    await device.must(['unlock', '-p', profile, '--password-stdin'], `${password}\n`);
  }
}
