// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Esys } from '../../src/linux/tss2/esys.ts';
import { responseOf } from '../../src/linux/tss2/response-code.ts';
import type { SecretBytes } from '../../src/memory/secret-bytes.ts';
import { type PcrBank, type PcrSelection, pcrSelection, selectionWire } from '../../src/tpm/pcr-selection.ts';
import { readPcrs } from '../../src/tpm/pcrs.ts';
import { emptyPolicy, policyAuthValue, policyPcr } from '../../src/tpm/policy-digest.ts';
import { type SealedData, seal, unseal } from '../../src/tpm/sealed-data.ts';
import { provideStorageKey } from '../../src/tpm/storage-key.ts';
import type { Tpm } from '../../src/tpm/tpm.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { bench, memory } from './fixture.ts';

const key = randomBytes(32);

function secret(bytes: Buffer): SecretBytes {
  return memory.take(Buffer.from(bytes));
}

describe('sealed data', () => {
  let chip: SoftwareTpm;
  let tpm: Tpm;
  const pin = secret(Buffer.from('4711'));
  before(async () => {
    ({ chip, tpm } = await bench());
    chip.extend(7);
    chip.extend(7, 'sha384');
  });
  after(() => chip.remove());

  async function sealTo(selection: PcrSelection, withPin?: SecretBytes): Promise<SealedData> {
    return await tpm.converse(async (esys) => {
      const policy = policyPcr(emptyPolicy, selection, await readPcrs(esys, selection));
      const storageKey = await provideStorageKey(esys);
      const bytes = secret(key);
      try {
        return await seal(esys, storageKey, withPin ? policyAuthValue(policy) : policy, bytes, withPin);
      } finally {
        bytes.release();
      }
    });
  }

  async function open(sealed: SealedData, selection: PcrSelection, withPin?: SecretBytes): Promise<string | undefined> {
    const unsealed = await tpm.converse(async (esys) => {
      const storageKey = await provideStorageKey(esys);
      return await unseal(esys, memory, storageKey, sealed, assertion(esys, selection, withPin), withPin);
    });
    const hex = unsealed?.bytes.toString('hex');
    unsealed?.release();
    return hex;
  }

  function assertion(esys: Esys, selection: PcrSelection, withPin: SecretBytes | undefined) {
    return async (session: number) => {
      await esys.run('PolicyPCR', session, [], Buffer.alloc(2), selectionWire(selection));
      if (withPin !== undefined) await esys.run('PolicyAuthValue', session, []);
    };
  }

  function store(sealed: SealedData): void {
    writeFileSync(join(chip.directory, 'public'), sealed.publicArea);
    writeFileSync(join(chip.directory, 'private'), sealed.privateArea);
    chip.tool('tpm2_load', '-C', '0x81000001', '-u', 'public', '-r', 'private', '-c', 'object');
    chip.tool('tpm2_flushcontext', '-t');
  }

  for (const bank of ['sha256', 'sha384'] satisfies PcrBank[]) {
    it(`gives its bytes back to us and to tpm2_unseal under PCRs of the bank ${bank}`, async () => {
      const selection = pcrSelection(bank, [7, 0, 4]);
      const sealed = await sealTo(selection);
      store(sealed);
      const oracle = chip.tool('tpm2_unseal', '-c', 'object', '-p', `pcr:${bank}:0,4,7`);
      chip.tool('tpm2_flushcontext', '-t');
      assert.deepEqual([await open(sealed, selection), oracle.toString('hex')], [key.toString('hex'), key.toString('hex')]);
    });
  }

  it('does not open with an empty authorisation', async () => {
    store(await sealTo(pcrSelection('sha256', [7])));
    const { status, stderr } = chip.tools('tpm2_unseal', '-c', 'object');
    chip.tool('tpm2_flushcontext', '-t');
    assert.notEqual(status, 0);
    assert.match(stderr, /authorizations or bound|tpm:error/);
  });

  it('opens with its PIN, to us and to tpm2_unseal', async () => {
    const selection = pcrSelection('sha256', [7]);
    const sealed = await sealTo(selection, pin);
    store(sealed);
    chip.tool('tpm2_startauthsession', '--policy-session', '-S', 'session');
    chip.tool('tpm2_policypcr', '-S', 'session', '-l', 'sha256:7');
    chip.tool('tpm2_policyauthvalue', '-S', 'session');
    const oracle = chip.tool('tpm2_unseal', '-c', 'object', '-p', 'session:session+4711');
    chip.tool('tpm2_flushcontext', 'session');
    chip.tool('tpm2_flushcontext', '-t');
    assert.deepEqual([await open(sealed, selection, pin), oracle.toString('hex')], [key.toString('hex'), key.toString('hex')]);
  });

  it('tells a wrong PIN from everything else', async () => {
    const selection = pcrSelection('sha256', [7]);
    assert.equal(await open(await sealTo(selection, pin), selection, secret(Buffer.from('4712'))), undefined);
  });

  it('is refused by the policy check of the TPM after a PCR was extended', async () => {
    const selection = pcrSelection('sha256', [7, 12]);
    const sealed = await sealTo(selection);
    chip.extend(12);
    await assert.rejects(open(sealed, selection), (thrown) => responseOf(thrown) === 0x99d);
  });
});
