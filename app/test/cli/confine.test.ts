// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { landlockAbi } from '../../src/linux/landlock.ts';
import { runModule } from '../support/child.ts';
import { temporaryDirectory } from '../support/directory.ts';

const module_ = import.meta.resolve('../../src/cli/confine.ts');

describe('a command', { skip: landlockAbi().errno !== 0 && 'the kernel has no Landlock' }, () => {
  const directory = temporaryDirectory();
  const present = join(directory, 'present');
  writeFileSync(present, 'content');

  const tries: readonly (readonly [what: string, expression: string])[] = [
    ['make a file', `fs.writeFileSync('${join(directory, 'made')}', '')`],
    ['write a file', `fs.openSync('${present}', 'r+')`],
    ['shorten a file', `fs.truncateSync('${present}')`],
    ['remove a file', `fs.unlinkSync('${present}')`],
    ['make a directory', `fs.mkdirSync('${join(directory, 'made')}')`],
    ['start a program', `{ const { error } = child.spawnSync('/bin/true'); if (error) throw error; }`],
  ];
  const codeOf = (expression: string, confined: boolean): string => {
    const text = `import fs from 'node:fs'; import child from 'node:child_process'; import { confineCommand } from '${module_}';
      if (${confined}) confineCommand();
      try { ${expression}; console.log('done'); } catch (thrown) { console.log(thrown.code); }`;
    const { stdout, stderr } = runModule(text);
    return stdout.trim() || stderr;
  };

  for (const [what, expression] of tries) {
    it(`that gave up what it does not need cannot ${what}`, () => assert.equal(codeOf(expression, true), 'EACCES'));
  }

  it('reads files and writes to its streams as before', () => {
    assert.equal(codeOf(`fs.readFileSync('${present}')`, true), 'done');
  });

  it('could do each of these before', () => {
    for (const [what, expression] of tries.filter(([, text]) => !text.includes('unlink')))
      assert.equal(codeOf(expression.replaceAll('/made', `/made-${what.replaceAll(' ', '-')}`), false), 'done', what);
  });
});
