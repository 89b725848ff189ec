// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Sender } from '../../../src/bus/handler.ts';
import { loadConfiguration } from '../../../src/config/load.ts';
import { resolvePaths } from '../../../src/config/paths.ts';
import { AccessControl } from '../../../src/daemons/secrets/access.ts';
import type { AuditedOperation } from '../../../src/daemons/secrets/auditor.ts';

const sender: Sender = {
  id: '00000000-0000-7000-8000-000000000000',
  name: 'sensor',
  clearance: 'profile-scoped',
  uid: 7,
  pid: 1,
};

const directory = mkdtempSync(join(tmpdir(), 'access-'));
writeFileSync(join(directory, 'config.toml'), '[profiles.device.secrets.access]\nsensor = []\n');
const paths = resolvePaths({ PDS_CONFIG_DIR: directory, PDS_STATE_DIR: directory, PDS_RUNTIME_DIR: directory }, 0);
const { configuration } = loadConfiguration(paths);
rmSync(directory, { recursive: true });

describe('a refusal by the access rules', () => {
  const denied: AuditedOperation[] = [];
  const access = new AccessControl(
    () => configuration,
    (operation) => denied.push(operation),
  );

  for (const [action, key, sentence] of [
    ['get', 'mqtt/password', 'sensor may not get mqtt/password; '],
    ['list', null, 'sensor may not list the secrets; '],
    ['environment', null, 'sensor may not read the secrets; '],
  ] as const) {
    it(`of "${action}" is a sentence, and is reported as what it was`, () => {
      const operation = { action, profile: 'device', key, sender };
      assert.throws(
        () => access.require(operation),
        ({ message }: Error) => message.startsWith(sentence),
      );
      assert.deepEqual(denied.at(-1), operation);
    });
  }
});
