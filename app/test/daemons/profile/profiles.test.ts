// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { loadConfiguration } from '../../../src/config/load.ts';
import { isLocked } from '../../../src/config/locks.ts';
import { resolvePaths } from '../../../src/config/paths.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { Profiles } from '../../../src/daemons/profile/profiles.ts';

describe('the profiles of a device', () => {
  let directory: string;
  let logger: RecordingLogger;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'profiles-'));
    logger = new RecordingLogger();
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function open(text = ''): Profiles {
    writeFileSync(join(directory, 'config.toml'), text);
    const paths = resolvePaths({ PDS_CONFIG_DIR: directory, PDS_STATE_DIR: directory, PDS_RUNTIME_DIR: directory }, 0);
    const { configuration, locks } = loadConfiguration(paths);
    return new Profiles(directory, { configuration: () => configuration, isLocked: (path) => isLocked(locks, path) }, logger);
  }

  it('are those of the configuration, those with a vault, and those that are active', () => {
    const profiles = open('[profiles.one]\n');
    profiles.hasVault('two');
    profiles.setActive('three', true);
    assert.deepEqual(
      profiles.list().map(({ name, active, configured }) => [name, active, configured]),
      [
        ['one', false, true],
        ['three', true, false],
        ['two', false, false],
      ],
    );
  });

  it('stay active over a restart', () => {
    open().setActive('device', true);
    assert.equal(open().isActive('device'), true);
    open().setActive('device', false);
    assert.equal(open().isActive('device'), false);
  });

  it('have the default of the configuration until a person chooses another', () => {
    assert.equal(open('[global]\ndefault_profile = "device"\n').default, 'device');
    open('[global]\ndefault_profile = "device"\n').setDefault('other');
    assert.equal(open('[global]\ndefault_profile = "device"\n').default, 'other');
  });

  it('have the default that policy.toml holds, whatever a person has chosen or chooses', () => {
    open().setDefault('other');
    writeFileSync(join(directory, 'policy.toml'), '[[policy]]\nkey = "global.default_profile"\nvalue = "device"\n');
    const locked = open();
    assert.equal(locked.default, 'device');
    assert.throws(() => locked.setDefault('third'), { code: 'setting-locked', message: /^global\.default_profile is locked/ });
    rmSync(join(directory, 'policy.toml'));
    assert.equal(open().default, 'other');
  });

  it('are refused by name when there is no such profile', () => {
    assert.throws(() => open().requireKnown('nobody'), { code: 'profile-not-found' });
  });

  for (const content of ['', '{', '[]', '{"active": "all"}', '{"active": ["../x"]}', '{"active": ["a", "a"]}']) {
    it(`start empty, and say so, when their file holds ${JSON.stringify(content)}`, () => {
      writeFileSync(join(directory, 'profiles.json'), content);
      assert.deepEqual(open().list(), []);
      assert.equal(logger.lines[0]?.level, 'error');
      assert.equal(readFileSync(join(directory, 'profiles.json.damaged'), 'utf8'), content);
      assert.equal(existsSync(join(directory, 'profiles.json')), false);
    });
  }
});
