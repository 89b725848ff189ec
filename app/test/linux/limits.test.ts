// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Resource, softLimit } from '../../src/linux/limits.ts';
import { runModule } from '../support/child.ts';

const limits = `import { forbid, Resource, softLimit } from '${import.meta.resolve('../../src/linux/limits.ts')}';`;

/** The soft limit as /proc says it. */
function shown(name: string): number {
  const text = new RegExp(`^${name} +(\\S+)`, 'm').exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}

describe('a limit of this process', () => {
  it('is the one of locked memory', () => {
    assert.equal(softLimit(Resource.lockedMemory), shown('Max locked memory'));
  });

  it('is the one of core dumps', () => {
    assert.equal(softLimit(Resource.core), shown('Max core file size'));
  });

  it('is Infinity where there is none', (test) => {
    const ended = runModule(`${limits} console.log(softLimit(Resource.core));`, { through: ['prlimit', '--core=unlimited:'] });
    if (/failed to set/.test(ended.stderr)) return test.skip('the hard limit of core dumps here is lower');
    assert.equal(ended.stdout, 'Infinity\n', ended.stderr);
  });

  it('is zero once forbidden', () => {
    const ended = runModule(`${limits} forbid(Resource.core); console.log(softLimit(Resource.core));`);
    assert.equal(ended.stdout, '0\n');
  });
});
