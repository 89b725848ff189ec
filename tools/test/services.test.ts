// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hasProgram } from '../../app/test/support/device.ts';
import { temporaryDirectory } from '../../app/test/support/directory.ts';
import { pathsBelow, repository } from './support/release.ts';

const systemd = join(repository, 'app/init/systemd');
const units = join(systemd, 'system');

/** Scripts that a shell runs or reads; those of OpenRC are read by OpenRC's own. */
const scripts = ['supervision/lib', 'sysvinit', 'busybox/init.d', 'runit']
  .map((folder) => join(repository, 'app/init', folder))
  .flatMap((folder) => pathsBelow(folder).map((path) => join(folder, path)))
  .filter((path) => !path.endsWith('.md'));

describe('the scripts of the services', { skip: hasProgram('shellcheck') ? false : 'shellcheck is missing' }, () => {
  it('have no mistake that shellcheck knows', () => {
    // What is set in one file and read in another; directories whose parents have another mode.
    const allowed = ['SC1091', 'SC2034', 'SC2154', 'SC2174'];
    const { stdout } = spawnSync('shellcheck', ['-s', 'dash', '-e', allowed.join(','), ...scripts], { encoding: 'utf8' });
    assert.ok(scripts.length > 10);
    assert.equal(stdout, '');
  });
});

describe('the units for systemd', { skip: hasProgram('systemd-analyze') ? false : 'systemd-analyze is missing' }, () => {
  const directory = temporaryDirectory();

  for (const manager of ['system', 'user']) {
    it(`of the ${manager} have no mistake that systemd knows`, () => {
      const paths = readdirSync(join(systemd, manager)).map((name) => join(systemd, manager, name));
      const words = [`--${manager}`, 'verify', '--man=no', '--recursive-errors=no', ...paths];
      const env = { ...process.env, XDG_RUNTIME_DIR: directory };
      const { stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8', env });
      // The programs are on the device only.
      const complaints = stderr.split('\n').filter((line) => line !== '' && !line.includes('is not executable'));
      assert.deepEqual(complaints, []);
    });
  }

  for (const [name, limit] of [
    ['open-sesame-profile.service', '32M'],
    ['open-sesame-secrets.service', '64M'],
  ] as const) {
    it(`set the limits of an edge device for ${name}`, () => {
      for (const manager of ['system', 'user']) {
        const unit = readFileSync(join(systemd, manager, name), 'utf8');
        assert.match(unit, new RegExp(`^MemoryMax=${limit}$`, 'm'));
        assert.match(unit, /^LimitMEMLOCK=16M$/m);
      }
    });
  }

  for (const daemon of ['profile', 'secrets']) {
    it(`give daemon-${daemon} less than systemd calls exposed`, () => {
      const words = ['security', '--offline=yes', '--threshold=35', join(units, `open-sesame-${daemon}.service`)];
      assert.equal(spawnSync('systemd-analyze', words).status, 0);
    });
  }
});
