// SPDX-License-Identifier: MIT
import { parentPort } from 'node:worker_threads';
import { runTries, type Targets } from '../../support/sandbox-tries/tries.ts';

parentPort?.on('message', (targets: Targets) => {
  void runTries('caller', targets).then((outcomes) => parentPort?.postMessage(outcomes));
});
parentPort?.postMessage('ready');
