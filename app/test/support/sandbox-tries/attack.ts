// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTries, type Targets } from './tries.ts';

/** Where a daemon under test finds what to aim at. */
export const targetsFile = 'tries.json';

/** In front of the line of the log that has the outcomes. */
export const outcomesMark = 'outcomes of the tries: ';

/** At SIGUSR2 the daemon tries everything on its main thread and on one of its pool, and logs what came of it. */
export function attackOnSignal(): void {
  process.on('SIGUSR2', () => {
    attack().then(
      (outcomes) => process.stderr.write(`${outcomesMark}${JSON.stringify(outcomes)}\n`),
      (thrown: unknown) => process.stderr.write(`${outcomesMark}${String(thrown)}\n`),
    );
  });
}

async function attack(): Promise<Record<string, Record<string, number>>> {
  const directory = process.env['PDS_RUNTIME_DIR'] ?? '';
  const targets: Targets = JSON.parse(await readFile(join(directory, targetsFile), 'utf8'));
  return { 'the main thread': await runTries('caller', targets), 'a thread of the pool': await runTries('pool', targets) };
}
