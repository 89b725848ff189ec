// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseFragment } from '../fragment.ts';
import { contradictions } from '../survival.ts';

const directory = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'fragments-'));
after(() => rmSync(work, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(work, name);
  writeFileSync(path, content);
  return path;
}

/** Runs the checker as an image layer would. */
function check(...words: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(directory, 'check.ts'), ...words], { encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

const fragment = file(
  'a.cfg',
  '# Secrets are readable without it.\nCONFIG_SECRETMEM=y\n# Open doors.\n# CONFIG_DEVMEM is not set\n',
);

describe('the checker', () => {
  it('is content with a kernel that has everything', () => {
    const { code, output } = check(file('good', 'CONFIG_SECRETMEM=y\n# CONFIG_DEVMEM is not set\n'), fragment);
    assert.equal(code, 0, output);
    assert.match(output, /2 of 2 options survived/);
  });

  it('names each option that did not survive, with the reason', () => {
    const { code, output } = check(file('bad', '# CONFIG_SECRETMEM is not set\nCONFIG_DEVMEM=y\n'), fragment);
    assert.equal(code, 1);
    assert.match(output, /CONFIG_SECRETMEM: wanted y, got n .*\n +Secrets are readable without it\./);
    assert.match(output, /CONFIG_DEVMEM: wanted n, got y .*\n +Open doors\./);
  });

  it('takes an option that the kernel does not mention for one that is off', () => {
    const { code, output } = check(file('empty', ''), fragment);
    assert.equal(code, 1);
    assert.match(output, /SECRETMEM/);
    assert.doesNotMatch(output, /DEVMEM/);
  });

  it('takes a module for the option only when told so', () => {
    const configuration = file('module', 'CONFIG_SECRETMEM=m\n');
    assert.equal(check(configuration, fragment).code, 1);
    assert.equal(check('--modules-serve', configuration, fragment).code, 0);
  });

  it('refuses fragments that contradict each other', () => {
    const { code, output } = check(file('any', ''), fragment, file('b.cfg', '# Needed by us.\nCONFIG_DEVMEM=y\n'));
    assert.equal(code, 2);
    assert.match(output, /b\.cfg:2: CONFIG_DEVMEM=y, but .*a\.cfg:4 wants n/);
  });

  it('refuses an option that the kernel source does not know', () => {
    const source = join(work, 'linux/mm');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'Kconfig'), 'config SECRETMEM\n\tbool "x"\nmenuconfig DEVMEM\n');
    assert.equal(check('--source', join(work, 'linux'), file('ok', 'CONFIG_SECRETMEM=y\n'), fragment).code, 0);
    const { code, output } = check(
      '--source',
      join(work, 'linux'),
      file('ok2', ''),
      file('typo.cfg', '# A slip.\nCONFIG_SECRETMEN=y\n'),
    );
    assert.equal(code, 2);
    assert.match(output, /typo\.cfg:2: no Kconfig file of this kernel knows SECRETMEN/);
  });

  for (const [name, content, message] of [
    ['an option without a reason', 'CONFIG_A=y\n', /CONFIG_A has no reason/],
    ['a line that is no option', '# r\nCONFIG_A = y\n', /neither an option nor a comment/],
    ['a trailing comment', '# r\nCONFIG_A=y # why\n', /neither an option nor a comment/],
  ] as const) {
    it(`refuses ${name}`, () => {
      const { code, output } = check(file('any3', ''), file('odd.cfg', content));
      assert.equal(code, 2);
      assert.match(output, message);
    });
  }

  it('says how it is called when it is called wrongly', () => {
    assert.equal(check().code, 2);
    assert.equal(check('--unknown').code, 2);
    assert.match(check('only-a-config').output, /usage/);
  });
});

describe('the fragments', () => {
  const all = readdirSync(directory)
    .filter((name) => name.endsWith('.cfg'))
    .map((name) => parseFragment(name, readFileSync(join(directory, name), 'utf8')));

  it('are well-formed, and every option has its reason', () => {
    assert.deepEqual(
      all.flatMap(({ malformed }) => malformed),
      [],
    );
  });

  it('do not contradict each other', () => {
    assert.deepEqual(contradictions(all.flatMap(({ wanted }) => wanted)), []);
  });

  it('ask for what secret memory needs', () => {
    const wanted = new Map(all.flatMap((each) => each.wanted).map(({ option, value }) => [option, value]));
    for (const option of [
      'SECRETMEM',
      'RODATA_FULL_DEFAULT_ENABLED',
      'SECCOMP_FILTER',
      'SECURITY_LANDLOCK',
      'MEMCG',
      'TCG_TIS',
      'INIT_ON_FREE_DEFAULT_ON',
    ]) {
      assert.equal(wanted.get(option), 'y', option);
    }
  });
});
