// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { readEnrolment } from '../../src/factors/enrolment.ts';
import { recordBoot } from '../../src/tpm/event-log-record.ts';
import { replay } from '../../src/tpm/event-log-replay.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { TpmProxy } from '../support/tpm-proxy.ts';
import { realBoot } from '../tpm/event-log-fixture.ts';
import { failsWith, masterKeyOf, memory, password, reveal } from './fixture.ts';
import { ApprovalFixture, bootVersion, byTpm, selection, version } from './tpm-approval-fixture.ts';

const nvIncrement = 0x134;

/** What a TPM answers that does not do as it was told: its response code alone. */
function refusal(code: number): Buffer {
  const answer = Buffer.from('80010000000a00000000', 'hex');
  answer.writeUInt32BE(code, 6);
  return answer;
}

describe('a tpm factor whose vault approves boot states', () => {
  let chip: SoftwareTpm;
  let fixture: ApprovalFixture;
  before(async () => {
    chip = await SoftwareTpm.start();
  });
  after(() => chip.remove());
  beforeEach(async () => {
    await bootVersion(chip, 1);
    fixture = new ApprovalFixture(chip);
  });
  afterEach(() => fixture.remove());

  it('opens in the boot state of its enrolment, boot after boot, and writes nothing for it', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    const file = readFileSync(fixture.path('tpm-enrollment'));
    for (let boot = 0; boot < 3; boot += 1) {
      await bootVersion(chip, 1);
      assert.equal(await fixture.opens(), masterKey);
    }
    assert.ok(readFileSync(fixture.path('tpm-enrollment')).equals(file));
  });

  it('opens although the TPM does not count for the moment, and revokes what is older at the next unlock', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await fixture.approve(masterKey, version(2), 'two');
    await bootVersion(chip, 2);
    const proxy = await TpmProxy.start(chip);
    try {
      fixture.tcti = proxy.tcti;
      // TPM_RC_NV_RATE, TPM_RC_NV_UNAVAILABLE, TPM_RC_NV_LOCKED.
      for (const busy of [0x920, 0x923, 0x148]) {
        proxy.answers.set(nvIncrement, refusal(busy));
        await proxy.apply();
        assert.equal(await fixture.opens(), masterKey);
        assert.deepEqual(fixture.outdated.splice(0), ['tpm-command-failed']);
        assert.equal(fixture.labels.at(-1), 'two');
        assert.equal(fixture.labels.length, 2);
      }
    } finally {
      fixture.tcti = undefined;
      await proxy.close();
    }
    assert.equal(await fixture.opens(), masterKey);
    assert.deepEqual(fixture.labels, ['two']);
  });

  it('keeps no key when the TPM fails in another way after unsealing it', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await fixture.approve(masterKey, version(2), 'two');
    await bootVersion(chip, 2);
    const proxy = await TpmProxy.start(chip);
    try {
      fixture.tcti = proxy.tcti;
      proxy.answers.set(nvIncrement, refusal(0x101)); // TPM_RC_FAILURE
      await proxy.apply();
      const pages = memory.status().pagesInUse;
      await assert.rejects(fixture.opens(), failsWith('tpm-command-failed'));
      assert.equal(memory.status().pagesInUse, pages);
    } finally {
      fixture.tcti = undefined;
      await proxy.close();
    }
  });

  it('opens after an update that was approved, and then no longer in the old state', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    assert.equal((await fixture.approve(masterKey, version(2))).replaced, undefined);
    const pending = readFileSync(fixture.path('tpm-enrollment'));
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    assert.deepEqual(fixture.labels, ['the next one']);
    await bootVersion(chip, 1);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed', 'PCR 4 '));
    // The file from before the update names the old state, but the TPM does not honour that any more.
    writeFileSync(fixture.path('tpm-enrollment'), pending);
    await assert.rejects(fixture.opens(), failsWith('tpm-approval-revoked'));
  });

  it('opens in the old state until the new one has opened it once', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await fixture.approve(masterKey, version(2));
    await bootVersion(chip, 1);
    assert.equal(await fixture.opens(), masterKey);
    assert.deepEqual(fixture.labels, ['the boot state at enrolment', 'the next one']);
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
  });

  it('says which approval made room for another', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await fixture.approve(masterKey, version(2), 'version 2');
    assert.equal((await fixture.approve(masterKey, version(3), 'version 3')).replaced, 'version 2');
  });

  it('does not approve twice what it approved last', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await fixture.approve(masterKey, version(2));
    assert.equal((await fixture.approve(masterKey, version(2))).bytes, undefined);
  });

  it('approves nothing with the key of another vault', async () => {
    await fixture.initialise([byTpm()]);
    await assert.rejects(fixture.approve('11'.repeat(32), version(2)), failsWith('tpm-approval-key-wrong'));
  });

  it('approves nothing that lacks one of its PCRs', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await assert.rejects(fixture.approve(masterKey, new Map([[4, Buffer.alloc(32)]])), failsWith('tpm-boot-unfit', 'sha256:4,9'));
  });

  it('approves nothing whose PCRs are all zero, unless that is allowed by name', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await assert.rejects(fixture.approve(masterKey, version(0)), failsWith('tpm-pcrs-zero', '4, 9'));
    fixture.allowZeroPcrs = true;
    assert.ok((await fixture.approve(masterKey, version(0))).bytes);
  });

  it('approves nothing with a value that is too long for its bank, and opens as before', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    const values = new Map([...version(2), [4, Buffer.alloc(48, 1)] as const]);
    await assert.rejects(fixture.approve(masterKey, values), failsWith('tpm-boot-unfit', 'sha256:4,9'));
    assert.equal(await fixture.opens(), masterKey);
  });

  it('asks for its PIN in every boot state', async () => {
    const { masterKey } = await fixture.initialise([byTpm('4711')]);
    await fixture.approve(masterKey, version(2));
    await bootVersion(chip, 2);
    await assert.rejects(fixture.opens('4712'), failsWith('authentication-failed'));
    assert.equal(await fixture.opens('4711'), masterKey);
  });

  it('opens although its file cannot be written, says so, and revokes all the same', async () => {
    const { masterKey } = await fixture.initialise([byTpm()]);
    await fixture.approve(masterKey, version(2));
    await bootVersion(chip, 2);
    const { context } = readEnrolment(memory, fixture.directory, 'home');
    const file = { path: join(fixture.directory, 'gone', 'file'), bytes: readFileSync(fixture.path('tpm-enrollment')) };
    const piece = await fixture.factor.unwrap(context, file, byTpm().bytes);
    assert.equal(piece && reveal(piece), masterKey);
    assert.deepEqual(fixture.outdated, ['storage-failed']);
    await bootVersion(chip, 1);
    await assert.rejects(fixture.opens(), failsWith('tpm-approval-revoked'));
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    assert.deepEqual(fixture.labels, ['the next one']);
  });

  it('opens with the password as before when the boot state is not approved', async () => {
    const { masterKey } = await fixture.initialise([byTpm(), password()]);
    await bootVersion(chip, 3);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed'));
    assert.equal(masterKeyOf(await fixture.keyring.unlock('home', [password()])), masterKey);
  });
});

describe('a refusal with an event log', () => {
  let chip: SoftwareTpm;
  let fixture: ApprovalFixture;
  before(async () => {
    chip = await SoftwareTpm.start();
    fixture = new ApprovalFixture(chip);
  });
  after(async () => {
    fixture.remove();
    await chip.remove();
  });

  /** The software TPM has what the machine of the log had. */
  async function measures(name: Parameters<typeof realBoot>[0]): Promise<void> {
    const { log, commandLine } = realBoot(name);
    await chip.reboot();
    for (const event of log.events) {
      const digest = event.digests.get('sha256');
      if (digest !== undefined && selection.pcrs.includes(event.pcr)) {
        chip.tool('tpm2_pcrextend', `${event.pcr}:sha256=${digest.toString('hex')}`);
      }
    }
    fixture.observe = () => ({
      platform: 'uefi',
      record: recordBoot(log, 'sha256', new Set(selection.pcrs), commandLine),
      logged: replay(log.events, 'sha256'),
      problem: undefined,
    });
  }

  it('names the PCR, what it measures, and which word of the command line is new', async () => {
    await measures('measured-boot');
    await fixture.initialise([byTpm()]);
    await fixture.opens();
    await measures('measured-boot-extra-word');
    await assert.rejects(
      fixture.opens(),
      failsWith(
        'tpm-policy-failed',
        'PCR 9 (the kernel command line and the initial RAM disk): the kernel command line changed: with "extra=c"',
      ),
    );
  });

  it('names an initial RAM disk that was added', async () => {
    await measures('measured-boot-initrd');
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed', 'the initial RAM disk was added'));
  });
});
