// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';

describe('the check of a built kernel', () => {
  const directory = temporaryDirectory();

  function file(name: string, content: string): string {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  }

  /** Runs the checker as an image system does. */
  function check(...words: readonly string[]): { readonly code: number | null; readonly output: string } {
    const script = join(import.meta.dirname, '../survived.sh');
    const { status, stdout, stderr } = spawnSync('sh', [script, ...words], { encoding: 'utf8' });
    return { code: status, output: stdout + stderr };
  }

  const fragment = file(
    'a.cfg',
    '# Secrets are readable without it.\nCONFIG_SECRETMEM=y\n# Open doors.\n# CONFIG_DEVMEM is not set\n# A list.\nCONFIG_LSM="landlock,yama"\n',
  );
  const kept = 'CONFIG_SECRETMEM=y\n# CONFIG_DEVMEM is not set\nCONFIG_LSM="landlock,yama"\n';

  it('is content with a kernel that has everything', () => {
    const { code, output } = check(file('good', kept), fragment);
    assert.equal(code, 0, output);
    assert.match(output, /3 of 3 options survived/);
  });

  it('names each option that did not survive, where it is wanted, and the reason', () => {
    const { code, output } = check(file('bad', '# CONFIG_SECRETMEM is not set\nCONFIG_DEVMEM=y\nCONFIG_LSM="yama"\n'), fragment);
    assert.equal(code, 1);
    assert.match(output, /CONFIG_SECRETMEM: wanted y, got n \(.*a\.cfg:2\)\n +Secrets are readable without it\./);
    assert.match(output, /CONFIG_DEVMEM: wanted n, got y \(.*a\.cfg:4\)\n +Open doors\./);
    assert.match(output, /CONFIG_LSM: wanted "landlock,yama", got "yama"/);
    assert.match(output, /0 of 3 options survived/);
  });

  it('takes an option that the kernel does not mention for one that is off', () => {
    const { code, output } = check(file('empty', ''), fragment);
    assert.equal(code, 1);
    assert.match(output, /CONFIG_SECRETMEM/);
    assert.doesNotMatch(output, /CONFIG_DEVMEM/);
  });

  it('takes a module for the option only when told so', () => {
    const configuration = file('module', kept.replace('SECRETMEM=y', 'SECRETMEM=m'));
    assert.equal(check(configuration, fragment).code, 1);
    assert.equal(check('--modules-serve', configuration, fragment).code, 0);
  });

  it('lets a later fragment win', () => {
    const later = file('later.cfg', '# This board needs it.\nCONFIG_DEVMEM=y\n');
    assert.equal(check(file('devmem', kept.replace('# CONFIG_DEVMEM is not set', 'CONFIG_DEVMEM=y')), fragment, later).code, 0);
  });

  const bounded = file(
    'bounded.cfg',
    '# Gone later (until Linux 6.17).\nCONFIG_OLD=y\n# Came later, and says\n# so below (since Linux 6.8).\nCONFIG_NEW=y\n',
  );
  for (const [version, missing] of [
    ['6.7.12', ['OLD']],
    ['6.8.0-rc1', ['OLD', 'NEW']],
    ['6.17.9', ['OLD', 'NEW']],
    ['6.18.7', ['NEW']],
    ['7.2.13', ['NEW']],
  ] as const) {
    it(`asks of Linux ${version} only what is for it`, () => {
      const { output } = check(file('version', `#\n# Linux/arm64 ${version} Kernel Configuration\n#\n`), bounded);
      const named = [...output.matchAll(/^CONFIG_(\w+):/gm)].map(([, option]) => option);
      assert.deepEqual(named, missing, output);
    });
  }

  it('asks everything of a kernel that does not tell its version', () => {
    assert.match(check(file('unknown', ''), bounded).output, /0 of 2 options survived/);
  });

  for (const [name, content] of [
    ['spaces around the sign', 'CONFIG_A = y\n'],
    ['no value', 'CONFIG_A=\n'],
    ['another text', 'SECRETMEM\n'],
  ]) {
    it(`refuses a line with ${name}, which a kernel would skip`, () => {
      const { code, output } = check(file('any', ''), file('odd.cfg', `# r\n${content}`));
      assert.equal(code, 2);
      assert.match(output, /odd\.cfg:2: ".*" is neither an option nor a comment/);
    });
  }

  it('says how it is called when it is called wrongly', () => {
    assert.equal(check().code, 2);
    assert.match(check('--modules-serve', 'only-a-config').output, /usage: survived\.sh/);
    const { code, output } = check(join(directory, 'nowhere'), fragment);
    assert.equal(code, 2);
    assert.match(output, /nowhere cannot be read/);
  });
});
