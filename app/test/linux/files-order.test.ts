// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runModule } from '../support/child.ts';
import { temporaryDirectory } from '../support/directory.ts';

const straceMissing = spawnSync('strace', ['true']).status !== 0 && 'strace does not work here';

describe('the system calls that change a directory', { skip: straceMissing }, () => {
  const root = temporaryDirectory();
  const directory = join(root, 'state');
  mkdirSync(directory);

  /** In order, each with what it is about: the new file under its temporary name, the file, or the directory. */
  function traced(call: string): string[] {
    const log = join(root, 'trace');
    runModule(`import { removeWiped, writeDurably } from '${import.meta.resolve('../../src/linux/files.ts')}'; ${call};`, {
      through: ['strace', '-f', '-y', '-e', 'trace=write,fchmod,fsync,rename,unlink', '-o', log],
    });
    const lines = readFileSync(log, 'utf8').split('\n');
    return lines.filter((line) => line.includes(directory)).map(summary);
  }

  function summary(line: string): string {
    const call = /^\d+ +(\w+)\(/.exec(line)?.[1];
    const named = line
      .replaceAll(/[^<"]+\.[0-9a-f]{12}\.tmp(?=[>"])/g, '#temporary')
      .replaceAll(`${directory}/file`, '#file')
      .replaceAll(directory, '#directory');
    return [call, ...(named.match(/(?<=#)\w+/g) ?? [])].join(' ');
  }

  it('bring the new bytes to the disk before the name points to them, and then the name', () => {
    assert.deepEqual(traced(`writeDurably('${directory}/file', Buffer.from('x'), 0o640)`), [
      'write temporary',
      'fchmod temporary',
      'fsync temporary',
      'rename temporary file',
      'fsync directory',
    ]);
  });

  it('bring the zeros to the disk before the name goes', () => {
    writeFileSync(join(directory, 'file'), 'wrapped key');
    assert.deepEqual(traced(`removeWiped('${directory}/file')`), ['write file', 'fsync file', 'unlink file', 'fsync directory']);
  });
});
