// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { failsWith, masterKeyOf, password } from './fixture.ts';
import { ApprovalFixture, bootVersion, byTpm, version } from './tpm-approval-fixture.ts';

describe('a new seal of a vault that approves boot states', () => {
  let chip: SoftwareTpm;
  let fixture: ApprovalFixture;
  let masterKey: string;
  before(async () => {
    chip = await SoftwareTpm.start();
  });
  after(() => chip.remove());
  beforeEach(async () => {
    await bootVersion(chip, 1);
    fixture = new ApprovalFixture(chip);
    ({ masterKey } = await fixture.initialise([byTpm(), password()]));
  });
  afterEach(() => fixture.remove());

  it('revokes what was approved before it once it has opened', async () => {
    const older = fixture.file;
    assert.equal(await fixture.opens(), masterKey);
    await bootVersion(chip, 3);
    await fixture.reseals();
    assert.equal(await fixture.opens(), masterKey);
    await bootVersion(chip, 1);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed'));
    fixture.file = older;
    await assert.rejects(fixture.opens(), failsWith('tpm-approval-revoked'));
  });

  it('revokes approvals that were never used too, in old copies of the file', async () => {
    await fixture.approve(masterKey, version(2), 'never booted');
    const older = fixture.file;
    await fixture.approve(masterKey, version(1), 'back again');
    await fixture.reseals();
    assert.equal(await fixture.opens(), masterKey);
    fixture.file = older;
    await bootVersion(chip, 2);
    await assert.rejects(fixture.opens(), failsWith('tpm-approval-revoked'));
  });

  it('takes over the approval that waits for its reboot', async () => {
    await fixture.approve(masterKey, version(2), 'the update');
    await fixture.reseals();
    assert.deepEqual(fixture.labels, ['the boot state at enrolment', 'the update']);
    await bootVersion(chip, 1);
    assert.equal(await fixture.opens(), masterKey);
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    await bootVersion(chip, 1);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed'));
  });

  it('does not take over the approval that was in use', async () => {
    await bootVersion(chip, 3);
    await fixture.reseals();
    await bootVersion(chip, 1);
    await assert.rejects(fixture.opens(), failsWith('tpm-policy-failed'));
  });

  it('to other PCRs is refused while an approval waits for its reboot, by its name, until another takes its place', async () => {
    await fixture.approve(masterKey, version(2), 'the update');
    fixture.selection = pcrSelection('sha256', [4]);
    await assert.rejects(fixture.reseals(), failsWith('tpm-approval-pending', 'the update'));
    await fixture.approve(masterKey, version(1), 'the boot state of now');
    await fixture.reseals();
    assert.equal(await fixture.opens(), masterKey);
  });

  it('to PCR values alone is refused while an approval waits for its reboot', async () => {
    await fixture.approve(masterKey, version(2), 'the update');
    fixture.kind = 'pcr';
    await assert.rejects(fixture.reseals(), failsWith('tpm-approval-pending', 'the update'));
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    await fixture.reseals();
    assert.equal(await fixture.opens(), masterKey);
  });

  it('under a new master key is refused while an approval waits for its reboot', async () => {
    await fixture.approve(masterKey, version(2), 'the update');
    const rekey = async () =>
      await fixture.keyring.stageRekey({
        profile: 'home',
        evidence: [byTpm(), password()],
        newRecovery: false,
        targetDirectory: fixture.stage(),
      });
    await assert.rejects(rekey(), failsWith('tpm-approval-pending', 'the update'));
    fixture.discard();
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    (await rekey()).masterKey.release();
    fixture.commit();
    assert.notEqual(await fixture.opens(), masterKey);
    assert.equal(masterKeyOf(await fixture.keyring.unlock('home', [password()])), await fixture.opens());
  });
});
