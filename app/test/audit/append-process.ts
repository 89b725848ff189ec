// SPDX-License-Identifier: MIT
// Appends to the log in the directory it is given until it is killed, and prints each entry that was acknowledged. For
// crash.test.ts.
import { writeSync } from 'node:fs';
import { LogFixture, operation } from './fixture.ts';

const [directory = '', run = ''] = process.argv.slice(2);
const log = new LogFixture(directory).open({ maxBytes: 20_000, maxFiles: 1_000_000 });

async function append(caller: number): Promise<void> {
  for (let round = 0; ; round += 1) {
    const key = `${run}/${caller}/${round}`;
    if (round % 5 === 0) await log.append(operation(key, 'get'), { durable: false });
    const { sequence } = await log.append(operation(key, 'set'), { durable: true });
    writeSync(1, `${sequence} ${key}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(append));
