// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Check } from '../../../src/cli/doctor/check.ts';
import { examineConfiguration } from '../../../src/cli/doctor/configuration.ts';
import type { StatusReport } from '../../../src/cli/status-report.ts';
import { resolvePaths } from '../../../src/config/paths.ts';
import { otherUsersMissing } from '../../support/other-user.ts';

const status: StatusReport = {
  installation: null,
  default_profile: null,
  daemons: [],
  connected: [],
  connections: 0,
  audit: null,
  machine_binding: null,
  vaults: [],
};

describe('the configuration as the doctor sees it', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'doctor-'));
    chmodSync(directory, 0o755);
    for (const name of ['etc', 'state']) mkdirSync(join(directory, name), { mode: 0o755 });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function examined(): Check | undefined {
    const places = {
      PDS_CONFIG_DIR: join(directory, 'etc'),
      PDS_STATE_DIR: join(directory, 'state'),
      PDS_RUNTIME_DIR: directory,
    };
    return examineConfiguration(resolvePaths(places, 0), status).checks[0];
  }

  function examinedByAnotherUser(): Check | undefined {
    process.seteuid?.(65_534);
    try {
      return examined();
    } finally {
      process.seteuid?.(0);
    }
  }

  it('fails when it is wrong', () => {
    writeFileSync(join(directory, 'etc/config.toml'), '[global]\ndefault_profil = "x"\n');
    assert.equal(examined()?.outcome, 'fail');
  });

  for (const hidden of ['state/rules.toml', 'etc/config.d']) {
    it(`does not fail because whoever asks may not read ${hidden}, as on every device`, { skip: otherUsersMissing }, () => {
      const path = join(directory, hidden);
      if (hidden.endsWith('.toml')) writeFileSync(path, '', { mode: 0o600 });
      else mkdirSync(path, { mode: 0o700 });
      assert.equal(examined()?.outcome, 'pass');
      const check = examinedByAnotherUser();
      assert.equal(check?.outcome, 'warn');
      assert.equal(check.finding, `not everything can be looked at: ${path} is closed to this user`);
      assert.equal(check.remedy, 'run this as root to see it');
    });
  }

  it('fails when it is wrong where whoever asks may read it', { skip: otherUsersMissing }, () => {
    writeFileSync(join(directory, 'state/rules.toml'), '', { mode: 0o600 });
    writeFileSync(join(directory, 'etc/config.toml'), '[global]\ndefault_profil = "x"\n');
    assert.equal(examinedByAnotherUser()?.outcome, 'fail');
  });
});
