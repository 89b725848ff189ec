// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { Approval } from '../../src/tpm/approvals.ts';
import { pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { SoftwareTpm } from '../support/swtpm.ts';
import { failsWith, password } from './fixture.ts';
import { ApprovalFixture, bootVersion, byTpm, version } from './tpm-approval-fixture.ts';

const nothing = Buffer.alloc(32);

describe('an enrolment that somebody with the disk has changed', () => {
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

  it('gets no approval for PCRs that the vault was not sealed to', async () => {
    const chosen = pcrSelection('sha256', [23]);
    const values = new Map([[23, nothing]]);
    fixture.forge((genuine) => ({ ...genuine, approvals: genuine.approvals.map((one) => ({ ...one, values })) }), chosen);
    fixture.allowZeroPcrs = true;
    await assert.rejects(fixture.approve(masterKey, values), failsWith('tpm-approvals-forged', 'never approved'));
  });

  it('gets no approval with a counter that is none of ours', async () => {
    chip.tool('tpm2_nvdefine', '0x01805f00', '-s', '8', '-a', 'authread|authwrite');
    const name = Buffer.from(/name: ([0-9a-f]+)/.exec(chip.tool('tpm2_nvreadpublic', '0x01805f00').toString())?.[1] ?? '', 'hex');
    fixture.forge((genuine) => ({ ...genuine, counter: { handle: 0x01805f00, name } }));
    await assert.rejects(fixture.approve(masterKey, version(2)), failsWith('tpm-approvals-forged', 'counter'));
    chip.tool('tpm2_nvundefine', '0x01805f00');
  });

  it('does not pass for having approved the next boot already', async () => {
    const claim = (approval: Approval) => ({ ...approval, values: version(2) });
    fixture.forge((genuine) => ({ ...genuine, approvals: genuine.approvals.map(claim) }));
    await assert.rejects(fixture.approve(masterKey, version(2)), failsWith('tpm-approvals-forged'));
  });

  it('gets no approval when it is an older copy, whose approvals are revoked', async () => {
    const older = fixture.file;
    await fixture.approve(masterKey, version(2));
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    fixture.file = older;
    await assert.rejects(fixture.approve(masterKey, version(3)), failsWith('tpm-approvals-forged', 'older'));
  });

  it('does not keep the older state approved when it lacks that approval', async () => {
    await fixture.approve(masterKey, version(2));
    const older = fixture.file;
    fixture.forge((genuine) => ({ ...genuine, approvals: genuine.approvals.slice(-1) }));
    await bootVersion(chip, 2);
    assert.equal(await fixture.opens(), masterKey);
    fixture.file = older;
    await bootVersion(chip, 1);
    await assert.rejects(fixture.opens(), failsWith('tpm-approval-revoked'));
  });

  it('is mended by a reseal, which takes over nothing that the vault has not signed', async () => {
    const claim = (approval: Approval) => ({ ...approval, values: version(3), counter: approval.counter + 9n, label: 'forged' });
    fixture.forge((genuine) => ({ ...genuine, approvals: [...genuine.approvals, ...genuine.approvals.map(claim)] }));
    await fixture.reseals();
    assert.deepEqual(fixture.labels, ['the boot state at enrolment']);
    assert.equal(await fixture.opens(), masterKey);
  });
});
