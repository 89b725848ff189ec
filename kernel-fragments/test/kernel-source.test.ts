// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { mistakesAbout } from '../kernel-source.ts';

describe('a fragment beside the source of a kernel', () => {
  const source = temporaryDirectory();
  mkdirSync(join(source, 'mm'));
  writeFileSync(join(source, 'Makefile'), '# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n');
  writeFileSync(join(source, 'mm/Kconfig'), 'config SECRETMEM\n\tbool "x"\nmenuconfig DEVMEM\n');

  function mistakes(text: string): string[] {
    const fragment = join(source, 'fragment.cfg');
    writeFileSync(fragment, text);
    return mistakesAbout(source, [fragment]);
  }

  it('is right when the source defines what it names', () => {
    assert.deepEqual(mistakes('# r\nCONFIG_SECRETMEM=y\n# r\n# CONFIG_DEVMEM is not set\n'), []);
  });

  it('is wrong about an option that no Kconfig file defines, on or off', () => {
    const text = '# r\nCONFIG_SECRETMEN=y\n# r\n# CONFIG_DEFMEM is not set\n';
    assert.deepEqual(mistakes(text), [
      'fragment.cfg:2: Linux 6.12 does not define SECRETMEN',
      'fragment.cfg:4: Linux 6.12 does not define DEFMEM',
    ]);
  });

  it('may name options of other versions', () => {
    assert.deepEqual(mistakes('# r (until Linux 6.9).\nCONFIG_OLD=y\n# r\n# (since Linux 7.0).\nCONFIG_NEW=y\n'), []);
  });

  it('is wrong about a version that has the option after all', () => {
    assert.deepEqual(mistakes('# r (since Linux 6.13).\nCONFIG_SECRETMEM=y\n'), [
      'fragment.cfg:2: Linux 6.12 does define SECRETMEM',
    ]);
  });
});
