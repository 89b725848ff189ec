// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { deviceImage } from '../harness/device.ts';

const tries = 100;

describe('a machine that is switched on', () => {
  it('ends with the process that switched it on when that is terminated', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'open-sesame-machine-'));
    const source = `
      import { Machine } from ${JSON.stringify(import.meta.resolve('../harness/machine.ts'))};
      await Machine.powerOn(${JSON.stringify(await deviceImage())}, { data: 'none', directory: ${JSON.stringify(directory)} });
      process.stdout.write('on');`;
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(owner.stdout, 'data');
      assert.equal(runs(directory), true);
      owner.kill('SIGTERM');
      await once(owner, 'close');
      for (let attempt = 0; attempt < tries && runs(directory); attempt += 1) await wait(100);
      assert.equal(runs(directory), false);
    } finally {
      owner.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** Whether there is an emulator that was given this directory. */
function runs(directory: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      const words = commandLineOf(pid);
      return words.startsWith('qemu-system-aarch64') && words.includes(directory);
    });
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return ''; // it has ended meanwhile
  }
}
