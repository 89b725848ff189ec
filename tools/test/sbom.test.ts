// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { makeRelease, ownArchitecture, repository, unpack } from './support/release.ts';

const python = join(repository, '.cache/python-tools/bin');

/** CycloneDX's own library has the schemas of the specification in it. */
const validateCycloneDx = `
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(None if error is None else str(error))
`;

describe('the bill of materials', () => {
  const directory = temporaryDirectory();
  let bills: string;
  before(() => {
    mkdirSync(join(directory, 'out'));
    mkdirSync(join(directory, 'unpacked'));
    const archive = makeRelease(join(directory, 'out'), { architecture: ownArchitecture, libc: 'glibc' });
    bills = join(unpack(archive, join(directory, 'unpacked')), 'sbom');
  });

  it('is valid SPDX 2.3 to the tools of SPDX', () => {
    const { status, stderr } = spawnSync(join(python, 'pyspdxtools'), ['-i', join(bills, 'open-sesame.spdx.json')], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  });

  it('is valid CycloneDX 1.6 to the library of CycloneDX', () => {
    const words = ['-c', validateCycloneDx, join(bills, 'open-sesame.cdx.json')];
    const { status, stderr } = spawnSync(join(python, 'python'), words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });

  it('lists the same in both forms', () => {
    const spdx = JSON.parse(readFileSync(join(bills, 'open-sesame.spdx.json'), 'utf8'));
    const cycloneDx = JSON.parse(readFileSync(join(bills, 'open-sesame.cdx.json'), 'utf8'));
    const [, ...packages] = spdx.packages.map(
      (each: { externalRefs: [{ referenceLocator: string }] }) => each.externalRefs[0].referenceLocator,
    );
    assert.deepEqual(
      packages,
      cycloneDx.components.map(({ purl }: { purl: string }) => purl),
    );
  });

  it('has the SQLite that the native module says it is', () => {
    const script =
      "const D = require('better-sqlite3-multiple-ciphers'); process.stdout.write(new D(':memory:').prepare('select sqlite_version()').pluck().get())";
    const { stdout } = spawnSync(process.execPath, ['-e', script], { cwd: repository, encoding: 'utf8' });
    assert.match(readFileSync(join(bills, 'open-sesame.cdx.json'), 'utf8'), new RegExp(`"pkg:generic/sqlite@${stdout}"`));
  });

  it('has every package of package.json in the version that is locked', () => {
    const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'));
    const text = readFileSync(join(bills, 'open-sesame.cdx.json'), 'utf8');
    // Of @node-rs/argon2 only the package with the native module of the platform goes in.
    const missing = Object.entries(dependencies).filter(([name, version]) => {
      const purl = `pkg:npm/${name.replace('@', '%40')}`;
      return ![purl, `${purl}-linux-${process.arch}-gnu`].some((each) => text.includes(`"${each}@${version}"`));
    });
    assert.deepEqual(missing, []);
  });
});
