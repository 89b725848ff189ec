// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { runTries, type Targets } from './tries.ts';

/** Where a daemon under test finds what to aim at. */
export const targetsFile = 'tries.json';

/** In front of the line of the log that has the outcomes. */
export const outcomesMark = 'outcomes of the tries: ';

/**
 * At SIGUSR2 the daemon tries everything on each of its kinds of threads and logs what came of it. To be awaited before the daemon starts:
 * one that is ready cannot make another event loop.
 */
export async function attackOnSignal(): Promise<void> {
  const worker = new Worker(join(dirname(process.argv[1] ?? ''), 'tries-worker.cjs'), {
    resourceLimits: { maxOldGenerationSizeMb: 8 },
  });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  worker.unref();
  process.on('SIGUSR2', () => {
    attack(worker).then(
      (outcomes) => process.stderr.write(`${outcomesMark}${JSON.stringify(outcomes)}\n`),
      (thrown: unknown) => process.stderr.write(`${outcomesMark}${String(thrown)}\n`),
    );
  });
}

async function attack(worker: Worker): Promise<Record<string, Record<string, number>>> {
  const directory = process.env['PDS_RUNTIME_DIR'] ?? '';
  const targets: Targets = JSON.parse(await readFile(join(directory, targetsFile), 'utf8'));
  return {
    'the main thread': await runTries('caller', targets),
    'a thread of the pool': await runTries('pool', targets),
    'a worker': await inWorker(worker, targets),
  };
}

function inWorker(worker: Worker, targets: Targets): Promise<Record<string, number>> {
  worker.postMessage(targets);
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
