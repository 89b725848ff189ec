// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { loadConfiguration } from '../../../src/config/load.ts';
import { resolvePaths } from '../../../src/config/paths.ts';
import { SesameError } from '../../../src/core/errors.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { type Deactivation, deactivate } from '../../../src/daemons/profile/deactivation.ts';
import { Profiles } from '../../../src/daemons/profile/profiles.ts';

const profile = 'device';

describe('the deactivation of a profile', () => {
  let directory: string;
  let profiles: Profiles;
  let happened: string[];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'deactivation-'));
    const paths = resolvePaths({ PDS_CONFIG_DIR: directory, PDS_STATE_DIR: directory, PDS_RUNTIME_DIR: directory }, 0);
    const { configuration } = loadConfiguration(paths);
    profiles = new Profiles(directory, { configuration: () => configuration, isLocked: () => false }, new RecordingLogger());
    profiles.setActive(profile, true);
    happened = [];
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  /** @param failure how daemon-secrets, or the way to it, answers */
  function options(failure?: SesameError): Deactivation {
    const note = (what: string): void => {
      happened.push(`${what}, ${profiles.isActive(profile) ? 'active' : 'inactive'}`);
    };
    return {
      profiles,
      installation: { profileId: () => '00000000-0000-5000-8000-000000000000' },
      audit: {
        async append() {
          note('audited');
          return { sequence: 1 };
        },
      },
      bus: () => ({
        broadcast: () => note('broadcast'),
        async request(kind) {
          note(kind);
          throw failure ?? SesameError.of('vault-not-initialised', { profile });
        },
      }),
    };
  }

  it('locks the vault before the profile is inactive, and is audited', async () => {
    await deactivate(options(), profile);
    assert.deepEqual(happened, ['vault-lock, active', 'broadcast, inactive', 'audited, inactive']);
  });

  it('fails and changes nothing when the vault cannot be locked', async () => {
    const failure = SesameError.of('daemon-unreachable', { daemon: 'daemon-secrets', where: 'the bus', reason: 'gone' });
    await assert.rejects(deactivate(options(failure), profile), failure);
    assert.deepEqual(happened, ['vault-lock, active']);
    assert.equal(profiles.isActive(profile), true);
  });

  it('of one that is inactive already is refused', async () => {
    profiles.hasVault(profile);
    profiles.setActive(profile, false);
    await assert.rejects(deactivate(options(), profile), { code: 'profile-inactive' });
    assert.deepEqual(happened, []);
  });
});
