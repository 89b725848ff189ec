// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { python, repository } from './support.ts';

const fragmentDirectory = join(repository, 'kernel-fragments');

describe('the check of a built kernel', () => {
  const directory = temporaryDirectory();
  const fragments = readdirSync(fragmentDirectory)
    .filter((name) => name.endsWith('.cfg'))
    .map((name) => join(fragmentDirectory, name));

  const script = `
import pathlib, sys
from open_sesame.kernel_options import lost_options
configuration, *fragments = [pathlib.Path(name).read_text() for name in sys.argv[1:]]
for option, wanted, found, reason in lost_options(configuration, fragments):
    print(f"CONFIG_{option}: wanted {wanted}, got {found} {reason}")
`;

  /** Everything as wanted but some options, in .config's words. */
  function configuration(lost: readonly string[]): string {
    const lines = fragments.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
    const kept = lines.filter((line) => line.includes('CONFIG_') && !lost.some((option) => line.includes(option)));
    const path = join(directory, 'config');
    writeFileSync(path, `${kept.join('\n')}\nCONFIG_SWAP=y\nCONFIG_TCG_TPM=m\n`);
    return path;
  }

  it('finds what the checker of the fragments finds, for the same reasons', () => {
    const built = configuration(['CONFIG_SECRETMEM', 'CONFIG_SWAP', 'CONFIG_TCG_TPM', 'CONFIG_LSM']);
    const found = python(script, built, ...fragments);
    const { stdout } = spawnSync(process.execPath, [join(fragmentDirectory, 'check.ts'), built, ...fragments], {
      encoding: 'utf8',
    });
    const expected = stdout.replace(/ \(\S+\)\n {4}/g, ' ').replace(/^\d+ of .*\n/m, '');
    assert.match(expected, /CONFIG_SECRETMEM: wanted y, got n The system call/);
    assert.equal(found, expected);
  });

  it('finds nothing in a kernel that kept everything', () => {
    const built = configuration(['CONFIG_SWAP', 'CONFIG_TCG_TPM']);
    writeFileSync(built, readFileSync(built, 'utf8').replace('CONFIG_SWAP=y\nCONFIG_TCG_TPM=m', 'CONFIG_TCG_TPM=y'));
    assert.equal(python(script, built, ...fragments), '');
  });
});

describe('the check of a release', () => {
  const directory = temporaryDirectory();
  const script = `
import sys
from open_sesame.release import problem_of
print(problem_of(*sys.argv[1:]) or "none")
`;
  const archive = 'open-sesame-1.0.0-aarch64-glibc.tar.gz';
  const digest = createHash('sha256').update('a release').digest('hex');

  function releaseOf({ content = 'a release', sums = `${digest}  ${archive}\n` }: { content?: string; sums?: string }): string {
    const place = mkdtempSync(join(directory, 'release-'));
    writeFileSync(join(place, archive), content);
    if (sums !== '') writeFileSync(join(place, 'SHA256SUMS'), sums);
    return place;
  }

  it('is content with an archive that has the published digest', () => {
    assert.equal(python(script, releaseOf({}), archive), 'none\n');
  });

  it('says how to get one that is missing', () => {
    assert.match(python(script, join(directory, 'nowhere'), archive), /there is no open-sesame-1\.0\.0.*npm run dist/);
  });

  it('says what is there instead, when it is of another version', () => {
    const answer = python(script, releaseOf({}), 'open-sesame-2.0.0-aarch64-glibc.tar.gz');
    assert.match(answer, /there is no open-sesame-2\.0\.0.*there: open-sesame-1\.0\.0/);
  });

  it('refuses one that was altered', () => {
    assert.match(python(script, releaseOf({ content: 'b release' }), archive), /was altered/);
  });

  it('refuses one that nobody published a digest of', () => {
    assert.match(python(script, releaseOf({ sums: '' }), archive), /put SHA256SUMS .* or set OPEN_SESAME_SHA256/);
  });

  it('believes a pinned digest more than the published one', () => {
    assert.match(
      python(script, releaseOf({}), archive, '0'.repeat(64)),
      /was altered, or is of another build than OPEN_SESAME_SHA256/,
    );
  });
});
