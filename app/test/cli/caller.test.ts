// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { callerEnvironment, readInherited } from '../../src/cli/caller.ts';

const environment = (...entries: string[]) => callerEnvironment(entries.map((entry) => Buffer.from(entry, 'latin1')));
const text = (entries: readonly Buffer[]) => entries.map((entry) => entry.toString('latin1'));

describe("the caller's environment", () => {
  it('is what was there, byte for byte', () =>
    assert.deepEqual(text(environment('A=\xff', 'B=', 'odd')), ['A=\xff', 'B=', 'odd']));
  it('has what the launcher kept for the caller under its own name', () => {
    assert.deepEqual(text(environment('A=1', 'SESAME_CALLER_NODE_OPTIONS=--x', 'B=2')), ['A=1', 'B=2', 'NODE_OPTIONS=--x']);
  });
  it('has nothing of the notes of the launcher', () => {
    assert.deepEqual(text(environment('SESAME_ENTRY_OPEN_FILES=1024', 'SESAME_ENTRY_IGNORED_SIGNALS=0')), []);
  });
});

describe('the notes of the launcher', () => {
  it('are numbers', () => {
    const notes = { SESAME_ENTRY_OPEN_FILES: '1024', SESAME_ENTRY_IGNORED_SIGNALS: '0000000000001001' };
    assert.deepEqual(readInherited(notes), { openFiles: 1024, ignoredSignals: 0x1001n });
  });
  it('are ignored when they are something else', () => {
    assert.deepEqual(readInherited({ SESAME_ENTRY_OPEN_FILES: '-1', SESAME_ENTRY_IGNORED_SIGNALS: '0x1' }), {});
  });
  it('need not be there', () => assert.deepEqual(readInherited({}), {}));
});

describe('the last arguments', () => {
  it('are those of this process, byte for byte', () => {
    const source = `import { lastArguments } from '${import.meta.resolve('../../src/cli/caller.ts')}';
      process.stdout.write(Buffer.concat(lastArguments(1)));`;
    const node = `'${process.execPath}' --disable-warning=ExperimentalWarning --input-type=module --eval "$1" "$(printf 'a\\377')"`;
    const { stdout } = spawnSync('sh', ['-c', node, 'sh', source]);
    assert.deepEqual([...stdout], [0x61, 0xff]);
  });
});
