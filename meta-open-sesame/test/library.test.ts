// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { layer, layerFiles, python, textOf } from './support.ts';

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

  it('does with the oldest Python that BitBake starts with', () => {
    const without = 'import hashlib\nvars(hashlib).pop("file_digest", None)\n';
    assert.equal(python(`${without}${script}`, releaseOf({}), archive), 'none\n');
  });

  it('believes a pinned digest more than the published one', () => {
    assert.match(
      python(script, releaseOf({}), archive, '0'.repeat(64)),
      /was altered, or is of another build than OPEN_SESAME_SHA256/,
    );
  });
});

describe('the check of the init system', () => {
  const script = `
import sys
from open_sesame.init import problem_of
print(problem_of(*sys.argv[1:]) or "none")
`;
  const other = temporaryDirectory();
  const core = temporaryDirectory();
  const includes = join(core, 'conf/distro/include');
  mkdirSync(includes, { recursive: true });
  writeFileSync(join(includes, 'init-manager-systemd.inc'), '');
  const path = `${other}:${core}`;

  it('is content with one that a layer has, and with none', () => {
    assert.deepEqual([python(script, 'systemd', path), python(script, '', path)], ['none\n', 'none\n']);
  });

  it('says which layer OpenRC comes from', () => {
    assert.match(python(script, 'openrc', path), /openrc-layer: add https:.*meta-openrc to BBLAYERS/);
  });

  it('says which ones there are services for, when no layer has it', () => {
    assert.match(python(script, 'runit', path), /INIT_MANAGER is runit.* set it to "openrc", "systemd" or "sysvinit"/);
  });
});

describe('the sanity check', () => {
  const script = `
import sys
text = open(sys.argv[1]).read()
exec(text[text.index("def open_sesame_problems") : text.index("addhandler ")])
class Data:
    values = dict(word.split("=", 1) for word in sys.argv[2:])
    def getVar(self, name):
        return self.values.get(name)
print("\\n".join(open_sesame_problems(Data())))
`;
  // A machine that is not supported, so that no release is looked for.
  const otherwiseSound = {
    BBFILE_COLLECTIONS: 'core tpm-layer',
    DISTRO_FEATURES: 'systemd tpm2 open-sesame',
    MACHINE: 'qemuarm',
    TARGET_ARCH: 'arm',
  };

  function problems(values: Readonly<Record<string, string>>): string[] {
    const words = Object.entries({ ...otherwiseSound, ...values }).map(([name, value]) => `${name}=${value}`);
    return python(script, join(layer, 'classes/open-sesame-sanity.bbclass'), ...words)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('MACHINE qemuarm is arm'));
  }

  it('says once what is wrong with INIT_MANAGER', () => {
    const values = { DISTRO_FEATURES: 'tpm2', OPEN_SESAME_INIT_PROBLEM: 'INIT_MANAGER is runit' };
    assert.deepEqual([problems({}), problems(values)], [[], ['INIT_MANAGER is runit']]);
  });

  it('names the layers that features come from', () => {
    const named = problems({ BBFILE_COLLECTIONS: 'core', DISTRO_FEATURES: 'openrc tpm2' });
    assert.deepEqual(
      named.map((problem) => /the layer ([\w-]+): add https:/.exec(problem)?.[1]),
      ['openrc-layer', 'tpm-layer'],
    );
  });

  it('is where all is said: what stops BitBake while it reads the configuration may not be shown', () => {
    const read = layerFiles('.conf', '.inc');
    assert.deepEqual(
      read.filter((path) => textOf(path).includes('bb.fatal')),
      [],
    );
  });
});
