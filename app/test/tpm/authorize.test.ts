// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { SesameError } from '../../src/core/errors.ts';
import { responseOf } from '../../src/linux/tss2/response-code.ts';
import { type Authorisation, approvalOf } from '../../src/tpm/approvals.ts';
import { type Approver, assertApproved, newAuthorisation, revokeOlder, withApproval } from '../../src/tpm/authorize.ts';
import { approvalPublicKey, deriveApprovalKey } from '../../src/tpm/authorize-key.ts';
import {
  approvalKeyPublic,
  approvalOperand,
  approvalReference,
  approvalSignature,
  approvedPolicy,
  authorizedPolicy,
} from '../../src/tpm/authorize-policy.ts';
import { TPM_RC, tpmResponse } from '../../src/tpm/constants.ts';
import { incrementCounter, provideCounter, readCounter } from '../../src/tpm/nv-counter.ts';
import { extended, type PcrValues, pcrSelection } from '../../src/tpm/pcr-selection.ts';
import { readPcrs } from '../../src/tpm/pcrs.ts';
import { type SealedData, seal, unseal } from '../../src/tpm/sealed-data.ts';
import { provideStorageKey } from '../../src/tpm/storage-key.ts';
import { type Bench, bench, memory } from './fixture.ts';

const selection = pcrSelection('sha256', [4, 9]);
const profile = 'device';
const vault = Buffer.from('the salt of a vault');
const secret = randomBytes(32);
const nextDigest = Buffer.alloc(32, 0x5a); // what the fixture extends

describe('a seal that survives updates', () => {
  let { chip, tpm }: Bench = {} as never;
  const piece = memory.take(randomBytes(32));
  const approver: Approver = { profile, selection, key: deriveApprovalKey(memory, 'blake3', profile, piece) };
  let sealed: SealedData;
  let authorisation: Authorisation;

  beforeEach(async () => {
    ({ chip, tpm } = await bench());
    bootsWith(1);
    ({ sealed, authorisation } = await tpm.converse(async (esys) => {
      const storageKey = await provideStorageKey(esys);
      const counter = await provideCounter(esys, 'approvals', vault);
      const value = await readCounter(esys, storageKey, counter);
      const boot = { values: await readPcrs(esys, selection), label: 'as enrolled', record: undefined };
      const policy = authorizedPolicy(approvalPublicKey(approver.key), profile);
      const bytes = memory.take(Buffer.from(secret));
      return {
        authorisation: newAuthorisation(approver, counter, value, [boot]),
        sealed: await seal(esys, storageKey, policy, bytes, undefined),
      };
    }));
  });
  afterEach(() => chip.remove());
  after(() => approver.key.release());

  /** A boot of version n of the software extends PCR 4 n times. */
  function bootsWith(version: number): void {
    for (let count = 0; count < version; count += 1) chip.extend(4);
  }

  async function rebootInto(version: number): Promise<void> {
    await chip.reboot();
    bootsWith(version);
  }

  /** PCR values of a version that has not booted yet. */
  function valuesOf(version: number): PcrValues {
    let four: Buffer = Buffer.alloc(32);
    for (let count = 0; count < version; count += 1) four = extended('sha256', four, nextDigest);
    return new Map([
      [4, four],
      [9, Buffer.alloc(32)],
    ]);
  }

  async function approve(version: number): Promise<void> {
    const boot = { values: valuesOf(version), label: `version ${version}`, record: undefined };
    authorisation = await tpm.converse(async (esys) => {
      const value = await readCounter(esys, await provideStorageKey(esys), authorisation.counter);
      return withApproval(approver, authorisation, value, boot);
    });
  }

  /** Unseals as a device does at boot, with the approval for what has booted. */
  async function opens(using: Authorisation = authorisation): Promise<boolean> {
    return await tpm.converse(async (esys) => {
      const storageKey = await provideStorageKey(esys);
      const approval = approvalOf(using, await readPcrs(esys, selection));
      if (approval === undefined) return false;
      const given = { profile, selection, approval };
      const bytes = await unseal(
        esys,
        memory,
        storageKey,
        sealed,
        (session) => assertApproved(esys, session, using, given),
        undefined,
      );
      assert.equal(bytes?.bytes.equals(secret), true);
      bytes?.release();
      authorisation = (await revokeOlder(esys, storageKey, authorisation, approval)) ?? authorisation;
      return true;
    });
  }

  async function refusal(using: Authorisation): Promise<number | undefined> {
    try {
      await opens(using);
    } catch (thrown) {
      return tpmResponse(responseOf(thrown));
    }
    return assert.fail('the TPM unsealed');
  }

  it('opens in the boot state in which it was enrolled, across reboots', async () => {
    for (let boot = 0; boot < 3; boot += 1) {
      assert.equal(await opens(), true);
      await rebootInto(1);
    }
  });

  it('has no approval for another boot state, and the TPM takes none that is for another one', async () => {
    await rebootInto(2);
    assert.equal(await opens(), false);
    const [approval] = authorisation.approvals;
    assert.ok(approval !== undefined);
    const claimed = { ...authorisation, approvals: [{ ...approval, values: valuesOf(2) }] };
    assert.ok(await refusal(claimed), 'the signature is for other values');
  });

  it('opens after an update that was approved beforehand', async () => {
    await approve(2);
    await rebootInto(2);
    assert.equal(await opens(), true);
  });

  it('opens in the old state as long as the new one has not worked', async () => {
    await approve(2);
    await rebootInto(1);
    assert.equal(await opens(), true);
    await rebootInto(2);
    assert.equal(await opens(), true);
  });

  it('does not open in the old state any more once the new one has worked, not even with the old file', async () => {
    const old = authorisation;
    await approve(2);
    await rebootInto(2);
    assert.equal(await opens(), true);
    assert.deepEqual(
      authorisation.approvals.map(({ label }) => label),
      ['version 2'],
    );
    await rebootInto(1);
    assert.equal(await opens(), false);
    const policyComparison = 0x126; // TPM_RC_POLICY: PolicyNV does not hold
    assert.equal(await refusal(old), policyComparison);
  });

  it('revokes what was approved and never used when something newer has worked', async () => {
    await approve(2);
    const withSecond = authorisation;
    await approve(3);
    assert.deepEqual(
      authorisation.approvals.map(({ label }) => label),
      ['as enrolled', 'version 3'],
    );
    await rebootInto(3);
    assert.equal(await opens(), true);
    await rebootInto(2);
    assert.ok(await refusal(withSecond));
  });

  it('is not opened by an approval that another key has signed', async () => {
    const other = deriveApprovalKey(memory, 'blake3', 'another', piece);
    const forged = withApproval({ ...approver, key: other }, authorisation, 0n, {
      values: valuesOf(2),
      label: '',
      record: undefined,
    });
    other.release();
    await rebootInto(2);
    assert.ok(await refusal(forged));
    // Under its own key the approval is good, but the seal asks for ours.
    const [approval] = forged.approvals.slice(-1);
    assert.ok(approval !== undefined);
    const own = newAuthorisation(
      { ...approver, key: deriveApprovalKey(memory, 'blake3', 'another', piece) },
      authorisation.counter,
      approval.counter,
      [approval],
    );
    assert.equal(await refusal(own), TPM_RC.POLICY_FAIL);
  });

  it('is refused by name when the counter is not ours any more', async () => {
    const { handle } = authorisation.counter;
    chip.tool('tpm2_nvundefine', `0x${handle.toString(16)}`);
    await assert.rejects(opens(), (thrown) => thrown instanceof SesameError && /NV index 0x01805e00 .*gone/.test(thrown.message));
    chip.tool('tpm2_nvdefine', `0x${handle.toString(16)}`, '-s', '8', '-a', 'authread|authwrite|nt=counter');
    chip.tool('tpm2_nvincrement', '-C', `0x${handle.toString(16)}`, `0x${handle.toString(16)}`);
    await assert.rejects(
      opens(),
      (thrown) => thrown instanceof SesameError && /NV index 0x01805e00 .*another/.test(thrown.message),
    );
  });

  it('stays revoked when its counter is removed and made again', async () => {
    await approve(2);
    const old = authorisation;
    await rebootInto(2);
    assert.equal(await opens(), true);
    chip.tool('tpm2_nvundefine', `0x${authorisation.counter.handle.toString(16)}`);
    const again = await tpm.converse(async (esys) => await provideCounter(esys, 'approvals', vault));
    assert.deepEqual(again, authorisation.counter);
    await rebootInto(1);
    assert.ok(await refusal({ ...old, approvals: old.approvals.slice(0, 1) }));
  });

  it('has the policies that tpm2-tools computes, and tpm2_unseal opens it with the same approval', async () => {
    const [approval] = authorisation.approvals;
    assert.ok(approval !== undefined);
    const reference = approvalReference(profile);
    const policy = approvedPolicy(selection, approval.values, authorisation.counter.name, approval.counter);
    for (const [name, bytes] of [
      ['public', sealed.publicArea],
      ['private', sealed.privateArea],
      ['key', approvalKeyPublic(authorisation.publicKey)],
      ['signature', approvalSignature(approval.signature)],
      ['operand', approvalOperand(approval.counter)],
      ['reference', reference],
      ['message', Buffer.concat([policy, reference])],
    ] as const) {
      writeFileSync(join(chip.directory, name), bytes);
    }
    const index = `0x${authorisation.counter.handle.toString(16)}`;
    chip.tool('tpm2_startauthsession', '-S', 'session', '--policy-session');
    chip.tool('tpm2_policypcr', '-S', 'session', '-l', 'sha256:4,9');
    chip.tool('tpm2_policynv', '-S', 'session', '-C', index, '-i', 'operand', '-L', 'approved', index, 'ule');
    assert.equal(chip.tool('cat', 'approved').toString('hex'), policy.toString('hex'));
    chip.tool('tpm2_loadexternal', '-C', 'o', '-u', 'key', '-c', 'key.context', '-n', 'key.name');
    const verify = ['-c', 'key.context', '-g', 'sha256', '-m', 'message', '-s', 'signature', '-t', 'ticket'];
    chip.tool('tpm2_verifysignature', ...verify);
    const authorize = [
      '-S',
      'session',
      '-i',
      'approved',
      '-q',
      'reference',
      '-n',
      'key.name',
      '-t',
      'ticket',
      '-L',
      'authorized',
    ];
    chip.tool('tpm2_policyauthorize', ...authorize);
    assert.equal(
      chip.tool('cat', 'authorized').toString('hex'),
      authorizedPolicy(authorisation.publicKey, profile).toString('hex'),
    );
    chip.tool('tpm2_flushcontext', '-t');
    chip.tool('tpm2_load', '-C', '0x81000001', '-u', 'public', '-r', 'private', '-c', 'object');
    const unsealed = chip.tool('tpm2_unseal', '-c', 'object', '-p', 'session:session');
    assert.equal(createHash('sha256').update(unsealed).digest('hex'), createHash('sha256').update(secret).digest('hex'));
  });
});

describe('a counter in the NV memory', () => {
  let { chip, tpm }: Bench = {} as never;
  before(async () => {
    ({ chip, tpm } = await bench());
  });
  after(() => chip.remove());

  it('is the same one for the same vault, and another one for another vault and purpose', async () => {
    const other = Buffer.from('another vault');
    const counters = await tpm.converse(async (esys) => [
      await provideCounter(esys, 'approvals', vault),
      await provideCounter(esys, 'approvals', vault),
      await provideCounter(esys, 'approvals', other),
      await provideCounter(esys, 'state', vault),
    ]);
    assert.deepEqual(
      counters.map(({ handle }) => handle.toString(16)),
      ['1805e00', '1805e00', '1805e02', '1805e01'],
    );
  });

  it('goes up by one', async () => {
    const values = await tpm.converse(async (esys) => {
      const key = await provideStorageKey(esys);
      const counter = await provideCounter(esys, 'state', vault);
      const before = await readCounter(esys, key, counter);
      await incrementCounter(esys, key, counter);
      return [before, await readCounter(esys, key, counter)];
    });
    assert.equal(values[1], (values[0] ?? 0n) + 1n);
  });

  it('agrees with what tpm2_nvread shows', async () => {
    const value = await tpm.converse(async (esys) =>
      readCounter(esys, await provideStorageKey(esys), await provideCounter(esys, 'state', vault)),
    );
    assert.equal(chip.tool('tpm2_nvread', '0x1805e01').readBigUInt64BE(), value);
  });

  it('is looked for elsewhere when somebody else has the index, and refused by name when there is no other', async () => {
    for (let index = 0x1805e00; index < 0x1805e20; index += 2) {
      if (chip.tools('tpm2_nvreadpublic', `0x${index.toString(16)}`).status === 0) continue;
      chip.tool('tpm2_nvdefine', `0x${index.toString(16)}`, '-s', '8');
    }
    const third = Buffer.from('a third vault');
    await assert.rejects(
      tpm.converse((esys) => provideCounter(esys, 'approvals', third)),
      (thrown) =>
        thrown instanceof SesameError && thrown.code === 'tpm-counters-taken' && /0x01805e00 to 0x01805e1e/.test(thrown.message),
    );
  });
});
