// SPDX-License-Identifier: MIT
import { setTimeout as wait } from 'node:timers/promises';
import { type DaemonName, Device } from '../test/support/device.ts';
import type { BenchOptions, Figure } from './figure.ts';
import { daemonFlags } from './launcher.ts';
import { ownMemoryMb } from './process-memory.ts';
import { median } from './statistics.ts';

const daemons: readonly DaemonName[] = ['daemon-profile', 'daemon-secrets'];
const budget = 'sandbox';
/** As the launchers set it. */
const bareEnvironment = { UV_THREADPOOL_SIZE: '1' };

interface Start {
  /** From the start of the launcher to the line "ready", in ms. */
  readonly readyMs: number;
  readonly memoryMb: number;
}

/** What the sandbox costs a daemon: the time of one more start of Node, and memory; with and without it by turns. */
export async function sandbox({ quick, say }: BenchOptions): Promise<Figure[]> {
  const rounds = quick ? 3 : 11;
  say(`sandbox: ${rounds} starts of each daemon with it and without`);
  const figures: Figure[] = [];
  for (const daemon of daemons) {
    const [on, off]: [Start[], Start[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      on.push(await start(daemon, true));
      off.push(await start(daemon, false));
    }
    const figure = (measured: string, unit: 'ms' | 'MB', of: (start: Start) => number): Figure => ({
      budget,
      measured: `${daemon}, ${measured}`,
      value: median(on.map(of)),
      floor: { measured: 'the same without the sandbox', value: median(off.map(of)) },
      unit,
    });
    figures.push(
      figure('start to ready', 'ms', ({ readyMs }) => readyMs),
      figure('memory of its own', 'MB', ({ memoryMb }) => memoryMb),
    );
  }
  return figures;
}

async function start(daemon: DaemonName, enabled: boolean): Promise<Start> {
  const device = new Device();
  try {
    const from = performance.now();
    if (enabled) device.launch(daemon);
    else device.launchBare(daemon, bareEnvironment, daemonFlags());
    while (!device.log(daemon).includes(' ready ')) await wait(1);
    const readyMs = performance.now() - from;
    return { readyMs, memoryMb: ownMemoryMb(device.pid(daemon)) };
  } finally {
    await device.dispose();
  }
}
