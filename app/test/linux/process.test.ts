// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDumpable, lockLimit } from '../../src/linux/process.ts';
import { runModule, withLockLimit } from '../support/child.ts';

const harden = `import { hardenProcess, lockLimit } from '${import.meta.resolve('../../src/linux/process.ts')}';
  import { readFileSync, statSync, writeFileSync } from 'node:fs';`;

function hardened(expression: string, through: string[] = []): unknown {
  const ended = runModule(`${harden} const facts = hardenProcess(); console.log(JSON.stringify(${expression}));`, { through });
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}

const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];

describe('a hardened process', () => {
  it('is not dumpable', () => {
    assert.deepEqual([isDumpable(), hardened('facts.dumpable')], [true, false]);
  });

  it('has no core dumps, and cannot allow them again', () => {
    assert.match(String(hardened(`readFileSync('/proc/self/limits', 'utf8')`)), /^Max core file size +0 +0 +bytes/m);
  });

  it('makes files for the owner only', () => {
    assert.equal(hardened('facts.umask'), 0o077);
  });

  it('reports what it is', () => {
    assert.deepEqual(hardened('facts', ['prlimit', '--memlock=65536:65536']), {
      dumpable: false,
      coreLimit: 0,
      lockLimit: 65_536,
      umask: 0o077,
    });
  });

  it('belongs to root in /proc, so that its memory is closed to its own user', () => {
    assert.equal(hardened(`statSync('/proc/self/mem').uid`, asNobody), 0);
  });

  it('cannot be read by another process of its user, unlike one that is not hardened', () => {
    const source = (first: string) => `${harden} ${first}; console.log('started'); setInterval(() => {}, 1000);`;
    const ended = runModule(
      `import { spawn } from 'node:child_process';
       import { once } from 'node:events';
       import { openSync } from 'node:fs';
       const answers = [];
       for (const source of ${JSON.stringify([source(''), source('hardenProcess()')])}) {
         const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', source]);
         await once(child.stdout, 'data');
         try { openSync('/proc/' + child.pid + '/mem', 'r'); answers.push('open'); } catch (thrown) { answers.push(thrown.code); }
         const ended = once(child, 'exit');
         child.kill('SIGKILL');
         await ended;
       }
       console.log(JSON.stringify(answers));`,
      { through: asNobody },
    );
    assert.equal(ended.stdout.trim(), '["open","EACCES"]', ended.stderr);
  });
});

describe('the limit of locked memory', () => {
  it('is in bytes', () => {
    const ended = runModule(`${harden} console.log(lockLimit());`, { through: withLockLimit(12_288) });
    assert.equal(ended.stdout, '12288\n');
  });

  it('is positive here', () => {
    assert.ok(lockLimit() > 0);
  });
});
