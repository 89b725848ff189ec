// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Sender } from '../../../src/bus/handler.ts';
import { loadConfiguration } from '../../../src/config/load.ts';
import { resolvePaths } from '../../../src/config/paths.ts';
import { SesameError } from '../../../src/core/errors.ts';
import { RecordingLogger } from '../../../src/core/log.ts';
import { type AuditBus, Auditor } from '../../../src/daemons/secrets/auditor.ts';
import { capBoot } from '../../../src/daemons/secrets/boot-cap.ts';
import { TpmBinding } from '../../../src/daemons/secrets/tpm-binding.ts';
import { SoftwareTpm } from '../../support/swtpm.ts';

const sender: Sender = {
  id: '00000000-0000-0000-0000-000000000000',
  name: 'daemon-secrets',
  clearance: 'secrets-only',
  uid: 0,
  pid: 0,
};
const text = 'open-sesame: the boot state is capped';
const capped = (bank: 'sha256' | 'sha384', before: Buffer) =>
  createHash(bank).update(before).update(createHash(bank).update(text).digest()).digest('hex');

describe('capping the boot state', () => {
  let chip: SoftwareTpm;
  let directory: string;
  const logger = new RecordingLogger();
  const full: AuditBus = {
    request: () => Promise.reject(SesameError.of('storage-full', { path: 'audit.jsonl' })),
  };

  beforeEach(async () => {
    chip = await SoftwareTpm.start();
    directory = mkdtempSync(join(tmpdir(), 'boot-cap-'));
    writeFileSync(join(directory, 'config.toml'), `[global.tpm]\ntcti = "${chip.tcti}"\npcrs = [7, 12]\ncap_pcr = 12\n`);
  });
  afterEach(async () => {
    await chip.remove();
    rmSync(directory, { recursive: true });
  });

  /** As a daemon that has just started has it. */
  function binding(): TpmBinding {
    const paths = resolvePaths({ PDS_CONFIG_DIR: directory, PDS_STATE_DIR: directory, PDS_RUNTIME_DIR: directory }, 0);
    const { configuration } = loadConfiguration(paths);
    return new TpmBinding({ directory, logger, configuration: () => configuration, onKey: async () => {} });
  }

  function pcr12(bank: string): string {
    chip.tool('tpm2_pcrread', '-o', 'values', '-Q', `${bank}:12`);
    return readFileSync(join(chip.directory, 'values'), 'hex');
  }

  it('closes every bank, because a key may be sealed to any', async () => {
    chip.extend(12, 'sha384');
    const before = Buffer.from(pcr12('sha384'), 'hex');
    const auditor = new Auditor(() => ({ request: async () => undefined }), logger);
    await capBoot(binding(), auditor, sender);
    assert.equal(pcr12('sha256'), capped('sha256', Buffer.alloc(32)));
    assert.equal(pcr12('sha384'), capped('sha384', before));
  });

  it('is done although nothing can be recorded, and says that it was not recorded', async () => {
    await assert.rejects(capBoot(binding(), new Auditor(() => full, logger), sender), { code: 'storage-full' });
    assert.equal(pcr12('sha256'), capped('sha256', Buffer.alloc(32)));
  });

  it('is not done twice by a daemon that started again before anything was sealed', async () => {
    const auditor = new Auditor(() => ({ request: async () => undefined }), logger);
    await capBoot(binding(), auditor, sender);
    await capBoot(binding(), auditor, sender);
    assert.equal(pcr12('sha256'), capped('sha256', Buffer.alloc(32)));
  });
});
