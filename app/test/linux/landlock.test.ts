// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { landlockAbi, oldestLandlock } from '../../src/linux/landlock.ts';
import { runModule } from '../support/child.ts';

const { abi } = landlockAbi();
const directory = mkdtempSync(join(tmpdir(), 'landlock-'));
writeFileSync(join(directory, 'file'), 'content');
after(() => rmSync(directory, { recursive: true }));

/** Runs statements in a process that has given up everything but what the rules name. */
function restricted(rules: string, statements: string, version = abi): string {
  const ended = runModule(`
    import { readFileSync, writeFileSync, mkdirSync, renameSync } from 'node:fs';
    import { connect } from 'node:net';
    import { restrictAccess } from '${import.meta.resolve('../../src/linux/landlock.ts')}';
    import { forbidNewPrivileges } from '${import.meta.resolve('../../src/linux/process.ts')}';
    const directory = ${JSON.stringify(directory)};
    const outcome = (work) => { try { work(); return 'done'; } catch (thrown) { return thrown.code; } };
    forbidNewPrivileges();
    const errno = restrictAccess(${version}, ${rules}, { abstractSockets: false, tcp: false });
    const said = errno === 0 ? (() => { ${statements} })() : errno;
    process.stdout.write(JSON.stringify(said));`);
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}

const readFile = `outcome(() => readFileSync(directory + '/file'))`;
const writeFile = `outcome(() => writeFileSync(directory + '/file', 'new'))`;
const own = `[{ path: directory, allow: ['readFile'] }]`;

describe('Landlock', { skip: abi < oldestLandlock && `this kernel has version ${abi}` }, () => {
  it('refuses what no rule names', () => {
    assert.equal(restricted('[]', `return ${readFile};`), 'EACCES');
  });

  it('lets through what a rule allows and nothing beyond', () => {
    assert.deepEqual(restricted(own, `return [${readFile}, ${writeFile}];`), ['done', 'EACCES']);
  });

  it('takes a rule for a file', () => {
    const rule = `[{ path: directory + '/file', allow: ['readFile', 'readDirectory'] }]`;
    assert.equal(restricted(rule, `return ${readFile};`), 'done');
  });

  it('leaves out a rule for what is missing', () => {
    assert.equal(restricted(`[{ path: '/no/such/thing', allow: ['readFile'] }]`, `return ${readFile};`), 'EACCES');
  });

  it('can be asked for each version up to that of the kernel', () => {
    for (let version = oldestLandlock; version <= Math.min(abi, 6); version += 1)
      assert.deepEqual(restricted(own, `return [${readFile}, ${writeFile}];`, version), ['done', 'EACCES'], `version ${version}`);
  });

  it('allows renaming into another directory only where both may be changed', () => {
    const work = `
      mkdirSync(directory + '/a', { recursive: true }); mkdirSync(directory + '/b', { recursive: true });
      writeFileSync(directory + '/a/x', '');
      return outcome(() => renameSync(directory + '/a/x', directory + '/b/x'));`;
    const change = `'readFile', 'writeFile', 'makeFile', 'removeFile', 'makeDirectory'`;
    assert.equal(restricted(`[{ path: directory, allow: [${change}, 'refer', 'truncate'] }]`, work), 'done');
    assert.equal(restricted(`[{ path: directory, allow: [${change}, 'truncate'] }]`, work), 'EXDEV');
  });
});
