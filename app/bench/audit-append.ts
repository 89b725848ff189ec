// SPDX-License-Identifier: MIT
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { action, openLog, withDirectory } from './audit-fixture.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { median, timeEach, timeEachAsync } from './statistics.ts';

const budget = 'audit append';
const together = 50;

/** An entry that is on disk with its head, which takes two writes, beside one write of as many bytes. */
export function auditAppend({ quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 3 : 9;
  const entries = quick ? 50 : 200;
  return withDirectory(async (directory) => {
    const log = openLog(directory, 'blake3');
    const descriptor = openSync(join(directory, 'floor'), 'w');
    const line = Buffer.alloc(420, 'x');
    const times: { floor: number; append: number; shared: number }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      say(`${budget}: round ${round} of ${rounds}`);
      const floor = timeEach(entries, () => {
        writeSync(descriptor, line);
        fdatasyncSync(descriptor);
      });
      const append = await timeEachAsync(entries, () => log.append(action, { durable: true }));
      const group = Array.from({ length: together }, () => action);
      const shared = await timeEachAsync(10, () => Promise.all(group.map((entry) => log.append(entry, { durable: true }))));
      times.push({ floor: median(floor), append: median(append), shared: median(shared) / together });
    }
    closeSync(descriptor);
    await log.close();
    const warm = times.slice(1);
    const floor = { measured: 'one write and fdatasync', value: median(warm.map((time) => time.floor)) };
    return [
      { budget, measured: 'durable, one at a time', value: median(warm.map(({ append }) => append)), floor, unit: 'µs' },
      {
        budget,
        measured: `durable, ${together} at once, each`,
        value: median(warm.map(({ shared }) => shared)),
        floor,
        unit: 'µs',
      },
    ];
  });
}
