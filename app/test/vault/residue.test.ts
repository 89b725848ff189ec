// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { memfdSecretMissing } from '../memory/fixtures/support.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { scanMemory } from '../support/memory-scan.ts';
import { keysByB3sum } from './fixture.ts';

const flags = ['--max-old-space-size=12', '--max-semi-space-size=1', '--optimize-for-size'];

describe('the memory of a process that works on a vault', { skip: memfdSecretMissing }, () => {
  const directory = temporaryDirectory();

  it('holds the vault key outside secret memory while the database is open, and no key once it is idle', async () => {
    const masterKey = randomBytes(32);
    const keyFile = join(directory, 'key');
    writeFileSync(keyFile, masterKey);
    mkdirSync(join(directory, 'vaults'));
    const { vaultKey, entryKey } = keysByB3sum('device', masterKey);
    const needles = { marker: Buffer.from('planted marker of the idle vault '), masterKey, vaultKey, entryKey };

    const child = fork(join(import.meta.dirname, 'fixtures/idle.ts'), [join(directory, 'vaults'), keyFile], {
      execArgv: [...flags, '--disable-warning=ExperimentalWarning'],
      env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    });
    const ended = once(child, 'exit');
    const seen: Record<string, string[]> = {};
    for (let stage = 0; stage < 3; stage += 1) {
      const [name] = await Promise.race([once(child, 'message'), ended]);
      const { findings } = scanMemory(child.pid ?? 0, Object.values(needles));
      seen[String(name)] = Object.keys(needles).filter((_, index) => findings.some(({ needle }) => needle === index));
      child.send('go on');
    }
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(seen, { open: ['marker', 'vaultKey'], idle: ['marker'], closed: ['marker'] });
  });
});
