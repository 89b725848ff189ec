// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { rounds, seededRandom } from '../../app/test/support/campaign.ts';
import { runProgram } from '../build/program.ts';
import type { Device } from '../harness/device.ts';
import { readyDevice } from '../harness/ready-device.ts';

const cuts = rounds(5, 100);

/** The power goes after a random number of acknowledged writes, and a random moment later. */
const mostWrites = 30;
const longestMomentMs = 300;
const writingLimitMs = 60_000;

/**
 * Writes one secret after the other over one connection and notes each name outside the vault once it was acknowledged: on the
 * port to the host, which has no cache.
 */
const writer = '/usr/lib/open-sesame/bin/writer device';

describe(`${cuts} power cuts at random moments during writes`, () => {
  const random = seededRandom();
  const acknowledged = new Map<string, string>();
  let device: Device;

  before(async () => {
    device = await readyDevice('power cut');
  });
  after(() => device.dispose());

  it('lose no acknowledged write, break neither the file system nor the audit chain, and the device boots', async (context) => {
    for (let round = 0; round < cuts; round += 1) {
      const lines: string[] = [];
      // The device is gone before the writer has ended.
      const writing = device.machine.agent.stream(`${writer} ${round}`, (line) => lines.push(line)).catch(() => undefined);
      const enough = 1 + random.below(mostWrites);
      const deadline = Date.now() + writingLimitMs;
      while (lines.length < enough && Date.now() < deadline) await wait(5);
      await wait(random.below(longestMomentMs));
      await device.cutPower();
      await writing;
      for (const line of lines) {
        const [name = '', value = ''] = line.split(' ');
        acknowledged.set(name, value);
      }
      await requireSoundFileSystem(`seed ${random.seed}, round ${round}`);
      await device.boot();
      await device.unlock();
      await requireAcknowledged(`seed ${random.seed}, round ${round}`);
    }
    context.diagnostic(`seed ${random.seed}: ${acknowledged.size} acknowledged writes survived ${cuts} power cuts`);
    assert.ok(acknowledged.size > cuts, 'something was written before each cut');
  });

  async function requireAcknowledged(where: string): Promise<void> {
    const exported: unknown = JSON.parse(await device.must('sesame export -p device --format json'));
    assert.ok(typeof exported === 'object' && exported !== null);
    const values = new Map(Object.entries(exported));
    for (const [name, value] of acknowledged) assert.equal(values.get(name), value, `${where}: ${name}`);
    await device.must('sesame audit verify');
  }

  /** On a copy: replays the journal, as a mount does, then a second look must find nothing. */
  async function requireSoundFileSystem(where: string): Promise<void> {
    const copy = join(device.directory, 'checked');
    copyFileSync(device.dataPath, copy);
    await runProgram('/sbin/e2fsck', ['-E', 'journal_only', '-p', copy]).catch((thrown: unknown) => {
      assert.match(String(thrown), /ended with 1:/, `${where}: the journal cannot be replayed: ${String(thrown)}`);
    });
    await runProgram('/sbin/e2fsck', ['-f', '-n', copy]).catch((thrown: unknown) => assert.fail(`${where}: ${String(thrown)}`));
  }
});
