// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';

const module = join(import.meta.dirname, '../tracks.mjs');

/** A step that prints a word and ends with a code. */
const step = (word: string, code = 0) => ({
  command: process.execPath,
  args: ['-e', `console.log('${word}'); process.exitCode = ${code};`],
});

/** A step that prints a word when there is a file of that name, and fails when none comes. */
const waiting = (word: string, file: string) => ({
  command: 'sh',
  args: ['-c', `for i in $(seq 300); do [ -e '${file}' ] && echo ${word} && exit 0; sleep 0.1; done; exit 1`],
});

/** What a person sees, and the result. */
function run(...tracks: ReturnType<typeof step>[][]): { words: string[]; good: boolean } {
  const named = tracks.map((steps, index) => ({ title: `track ${index}`, steps }));
  const script = `import { runTracks } from ${JSON.stringify(module)};
    process.exitCode = (await runTracks(${JSON.stringify(named)})) ? 0 : 1;`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return { words: stdout.trim().split('\n'), good: status === 0 };
}

describe('tracks', () => {
  const directory = temporaryDirectory();

  it('run at the same time and are shown one after the other', () => {
    const file = join(directory, 'made by the second track');
    const making = { command: 'touch', args: [file] };
    assert.deepEqual(run([waiting('a', file), step('b')], [step('c'), making]), { words: ['a', 'b', 'c'], good: true });
  });

  it('end with a step that fails, and the others go on', () => {
    const { words, good } = run([step('a', 3), step('never')], [step('b'), step('c')]);
    assert.deepEqual(
      words.filter((line) => !line.startsWith('error: track 0: ')),
      ['a', 'b', 'c'],
    );
    assert.equal(good, false);
  });
});
