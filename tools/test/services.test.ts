// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hasProgram } from '../../app/test/support/device.ts';
import { repository } from './support/release.ts';

const units = join(repository, 'app/init/systemd/system');

describe('the units for systemd', { skip: hasProgram('systemd-analyze') ? false : 'systemd-analyze is missing' }, () => {
  it('have no mistake that systemd knows', () => {
    const paths = readdirSync(units).map((name) => join(units, name));
    const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...paths], {
      encoding: 'utf8',
    });
    // The programs are on the device only.
    const complaints = stderr.split('\n').filter((line) => line !== '' && !line.includes('is not executable'));
    assert.deepEqual(complaints, []);
  });

  for (const daemon of ['profile', 'secrets']) {
    it(`give daemon-${daemon} less than systemd calls exposed`, () => {
      const words = ['security', '--offline=yes', '--threshold=35', join(units, `open-sesame-${daemon}.service`)];
      assert.equal(spawnSync('systemd-analyze', words).status, 0);
    });
  }
});
