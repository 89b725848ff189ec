// SPDX-License-Identifier: MIT
import { join } from 'node:path';
import type { BusClient } from '../src/bus/client.ts';
import { readTpmEnrolment } from '../src/factors/tpm-enrolments.ts';
import { connectClient } from '../test/support/client.ts';
import { type Device, startDevice } from '../test/support/device.ts';
import { SoftwareTpm } from '../test/support/swtpm.ts';
import { configuration, profile } from './device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { ownMemoryMb } from './process-memory.ts';
import { median } from './statistics.ts';

const pcrs = 'pcr:sha256:7';

/** The same that tpm2-tools are asked for: one policy, and nothing counted afterwards. */
const policy = `policy = "pcr"\nrollback = "off"\n`;

/**
 * An unlock with the TPM through daemon-secrets, its audit entry and the opened vault included, beside what tpm2-tools take on the same TPM
 * to load, assert the policy and unseal; and what memory the TPM's libraries cost the daemon.
 */
export async function tpmUnlock({ quick, say }: BenchOptions): Promise<Figure[]> {
  const chip = await SoftwareTpm.start();
  chip.extend(7);
  const device = await startDevice(`${configuration}[global.tpm]\ntcti = "${chip.tcti}"\npcrs = [7]\n${policy}`);
  try {
    await device.initialise(profile);
    const used = () => ownMemoryMb(device.pid('daemon-secrets'));
    const before = used();
    await device.must(['tpm', 'enroll', '-p', profile]);
    const after = used();
    const rounds = quick ? 5 : 30;
    say(`TPM unlock: ${rounds} unlocks`);
    const client = await connectClient(device);
    const times = await unlockTimes(client, rounds);
    await client.close();
    const tools = toolTimes(chip, device, rounds);
    return [
      {
        budget: 'TPM unlock',
        measured: 'through daemon-secrets, vault open and audited',
        value: median(times) / 1000,
        floor: { measured: 'tpm2_load, tpm2_unseal with its policy', value: median(tools) / 1000 },
        unit: 'ms',
        limit: { of: 'ratio', most: 1 },
      },
      {
        budget: 'daemon-secrets, memory',
        measured: 'after the first use of the TPM',
        value: after,
        floor: { measured: 'before it', value: before },
        unit: 'MB',
      },
    ];
  } finally {
    await device.dispose();
    await chip.remove();
  }
}

async function unlockTimes(client: BusClient, rounds: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await client.request('vault-lock', { profile });
    const start = performance.now();
    await client.request('vault-unlock', { profile, evidence: [{ factor: 'tpm', length: 0 }] });
    times.push((performance.now() - start) * 1000);
  }
  return times;
}

function toolTimes(chip: SoftwareTpm, device: Device, rounds: number): number[] {
  const { sealed } = readTpmEnrolment(join(device.stateDirectory, 'vaults'), profile);
  chip.unsealWithTools(sealed, pcrs);
  return Array.from({ length: rounds }, () => {
    const start = performance.now();
    chip.tool('tpm2_load', '-C', '0x81000001', '-u', 'public', '-r', 'private', '-c', 'object');
    chip.tool('tpm2_unseal', '-c', 'object', '-p', pcrs);
    const time = (performance.now() - start) * 1000;
    // A device has a resource manager for this.
    chip.tool('tpm2_flushcontext', '-t');
    return time;
  });
}
