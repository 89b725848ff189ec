// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lockDirectory } from '../../src/linux/lock.ts';
import { temporaryDirectory } from '../support/directory.ts';
import { failsWith } from '../support/failures.ts';

/** A process that holds the lock until it is killed. */
async function holder(directory: string) {
  const source = `
    import { lockDirectory } from '${import.meta.resolve('../../src/linux/lock.ts')}';
    globalThis.lock = lockDirectory('${directory}', 'the first');
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', source]);
  await once(child.stdout, 'data');
  return child;
}

describe('the lock on a directory', () => {
  const directory = temporaryDirectory();

  it('refuses a second holder in the same process', () => {
    const lock = lockDirectory(directory, 'daemon-secrets');
    assert.throws(() => lockDirectory(directory, 'daemon-secrets'), failsWith('already-running'));
    lock.release();
  });

  it('is free after its release', () => {
    lockDirectory(directory, 'daemon-secrets').release();
    lockDirectory(directory, 'daemon-secrets').release();
  });

  it('may be released twice', () => {
    const lock = lockDirectory(directory, 'daemon-secrets');
    lock.release();
    lock.release();
  });

  it('refuses another process, and is free once that was killed', async () => {
    const child = await holder(directory);
    assert.throws(() => lockDirectory(directory, 'the second'), failsWith('already-running'));
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    lockDirectory(directory, 'the second').release();
  });

  it('names daemon and place to whoever comes second', () => {
    const lock = lockDirectory(directory, 'daemon-secrets');
    assert.throws(() => lockDirectory(directory, 'daemon-secrets'), { message: `daemon-secrets runs already on ${directory}` });
    lock.release();
  });

  it('names a directory that is missing', () => {
    assert.throws(() => lockDirectory(join(directory, 'none'), 'daemon-secrets'), failsWith('storage-failed'));
  });
});
